import { runInContext, traced } from '@tradecore/telemetry';
import type { EventRecord } from './batch-processor.ts';

/** A batch with more traces than this is a backlog that no request waits for. */
const maxTraces = 32;

/** The SQL of a batch belongs to the trace of its first event; the other traces get a span that names the batch. */
export async function inTraceOf<T>(step: string, records: readonly EventRecord[], run: () => Promise<T>): Promise<T> {
  const first = records[0]?.event;
  if (!first) return run();
  const { traceparent } = first.metadata;
  const context = {
    correlationId: first.correlationId ?? first.id,
    causationId: first.id,
    ...(traceparent && { traceparent }),
  };
  const result = await runInContext(context, () =>
    traced(step, run, { ...(traceparent && { traceparent }), attributes: { events: records.length } }),
  );
  await markTraces(step, records, traceparent);
  return result;
}

async function markTraces(step: string, records: readonly EventRecord[], first: string | undefined): Promise<void> {
  const others = new Set(records.flatMap(({ event }) => event.metadata.traceparent ?? []));
  if (first !== undefined) others.delete(first);
  if (others.size > maxTraces) return;
  for (const traceparent of others) await traced(step, async () => undefined, { traceparent });
}
