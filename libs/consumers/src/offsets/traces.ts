import { orderOf } from '@tradecore/events';
import { runInContext, tracedBatch } from '@tradecore/telemetry';
import type { EventRecord } from './batch-processor.ts';

/** A batch is a step of the traces of all its events; its SQL and its log lines belong to those of the first. */
export async function inTraceOf<T>(step: string, records: readonly EventRecord[], run: () => Promise<T>): Promise<T> {
  const first = records[0]?.event;
  if (!first) return run();
  const { traceparent, account } = first.metadata;
  const order = orderOf(first);
  const context = {
    correlationId: first.correlationId ?? first.id,
    causationId: first.id,
    ...(traceparent !== undefined && { traceparent }),
    ...(records.length === 1 && account !== undefined && { account }),
    ...(records.length === 1 && order !== undefined && { order }),
  };
  const traceparents = records.map(({ event }) => event.metadata.traceparent);
  return runInContext(context, () => tracedBatch(step, traceparents, run, { events: records.length }));
}
