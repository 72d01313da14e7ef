import type { RecordedEvent } from '@tradecore/events';
import type { TestDatabase } from '@tradecore/event-sourcing/testing';
import { encode, type OutgoingMessage } from '@tradecore/messaging';
import type { TestKafka } from '@tradecore/messaging/testing';
import { errands, names } from './errands.ts';

interface Row {
  readonly seq: string;
  readonly key: string;
  readonly event: RecordedEvent;
}

/** Publishes the outbox in order. It is never killed, so it needs none of the real relay's precautions. */
export async function startRelay({ dataSource }: TestDatabase, test: TestKafka) {
  const open = () => test.kafka.openTransactional({ transactionalId: 'test-relay', writer: 'relay' });
  let producer = await open();
  let sent = 0n;
  let halted = false as boolean | readonly string[];
  let isStopped = false;
  let last: Promise<unknown> = Promise.resolve();
  /** One transaction after the other: the loop and a test may both want to send. */
  const sendAll = (batches: { topic: string; messages: OutgoingMessage[] }[]): Promise<void> => {
    const next = last.then(async () => {
      const contents = { batches, group: 'test-relay', positionTopic: names.jobs, partition: 0, offset: (sent += 1n) };
      try {
        await producer.send(contents);
      } catch {
        // A broker that has just started may name one coordinator of the group and then another: retry once with a
        // producer that looks it up again.
        await producer.discard();
        producer = await open();
        await producer.send(contents);
      }
    });
    last = next.catch(() => undefined);
    return next;
  };
  const topicOf = ({ aggregateType }: RecordedEvent): string => errands[aggregateType]?.topic as string;
  const encoded = ({ event, key }: { event: RecordedEvent; key: string }): OutgoingMessage => {
    const { data, ...envelope } = event;
    return { ...encode({ ...envelope, dataText: JSON.stringify(data) }), key };
  };
  const batchesOf = (rows: readonly { event: RecordedEvent; key: string }[]) =>
    [...Map.groupBy(rows, ({ event }) => topicOf(event))].map(([topic, own]) => ({
      topic,
      messages: own.map((row) => encoded(row)),
    }));
  const isHalted = ({ event }: Row): boolean => halted === true || (Array.isArray(halted) && halted.includes(topicOf(event)));
  const turn = async (): Promise<number> => {
    const rows = ((await dataSource.query(outboxSql)) as Row[]).filter((row) => !isHalted(row));
    if (rows.length === 0) return 0;
    await sendAll(batchesOf(rows));
    await dataSource.query('delete from event_outbox where seq = any($1)', [rows.map(({ seq }) => seq)]);
    return rows.length;
  };
  const loop = (async () => {
    while (!isStopped) if (halted === true || (await turn()) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  })();
  return {
    halt: (which: boolean | readonly string[]) => void (halted = which),
    send: (topic: string, ...messages: OutgoingMessage[]) => sendAll([{ topic, messages }]),
    publish: (...events: RecordedEvent[]) =>
      sendAll(
        batchesOf(events.map((event) => ({ event, key: (event.data as { target?: string }).target ?? event.aggregateId }))),
      ),
    stop: async () => {
      isStopped = true;
      await loop;
      await producer.discard();
    },
  };
}

const outboxSql = `
  select o.seq, o.key, jsonb_build_object('id', e.event_id, 'aggregateId', e.aggregate_id, 'aggregateType', e.aggregate_type,
    'aggregateVersion', e.aggregate_version, 'type', e.event_type, 'schemaVersion', e.schema_version, 'data', e.event_data,
    'time', to_char(e."timestamp" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'correlationId', e.correlation_id,
    'causationId', e.causation_id, 'sagaId', e.saga_id, 'metadata', e.metadata) as event
  from event_outbox o join event_store e using (event_id) order by o.seq limit 500`;
