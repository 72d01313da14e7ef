import { topics, type RecordedEvent } from '@tradecore/events';
import { encode, type KafkaClient, type IncomingMessage, type OutgoingMessage } from '@tradecore/messaging';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { ProjectorBatches, Subscription, type ProjectorClass, type BatchProcessor } from '@tradecore/consumers';
import { counters, declarations, Tallies, topic } from './counters.ts';
import { openBench, type Bench } from './database.ts';

/** A database and a broker; events are put into both, as the store and the relay would. */
export interface World extends Bench {
  readonly test: TestKafka;
  /** Stores events, then sends them to the topic. */
  happen(...events: RecordedEvent[]): Promise<void>;
  /** Sends events to the topic, whatever the store holds. */
  publish(...events: RecordedEvent[]): Promise<void>;
  /** Sends arbitrary records to the topic. */
  send(...messages: OutgoingMessage[]): Promise<void>;
  /** Runs a projector as one process would; `around` may wrap its batches. */
  run(around?: (work: BatchProcessor) => BatchProcessor, kafka?: KafkaClient): Promise<Subscription>;
  deadLetters(): Promise<IncomingMessage[]>;
  /** Sum of all offsets. */
  offset(): Promise<bigint>;
  /** Sum of the ends of the log. */
  end(): Promise<bigint>;
  /** Waits until the model holds every stored event, except those of parked aggregates. */
  caughtUp(): Promise<void>;
}

/** Waits for a condition; throws with the last value found. */
export async function until<T>(look: () => Promise<T> | T, isDone: (found: T) => boolean, withinMs = 15_000): Promise<T> {
  const end = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (isDone(found)) return found;
    if (Date.now() > end)
      throw new Error(
        `not within ${withinMs} ms: ${JSON.stringify(found, (_, value) => (typeof value === 'bigint' ? `${value}` : (value as unknown)))}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const sum = (offsets: ReadonlyMap<number, bigint>): bigint => [...offsets.values()].reduce((total, each) => total + each, 0n);

/** Creates a world for one projector. */
export async function createWorld(
  projector: ProjectorClass = Tallies,
  service = 'tally-projector',
  partitions = 3,
): Promise<World> {
  const [bench, test] = await Promise.all([openBench(service), createTestKafka({ declarations, partitions })]);
  const schema = service.replace('-', '_');
  const producer = await test.kafka.openTransactional({ transactionalId: 'test-relay', writer: 'relay' });
  const running: Subscription[] = [];
  let sent = 0n;
  const send = async (...messages: OutgoingMessage[]) => {
    for (let from = 0; from < messages.length; from += 1000) {
      const batch = { topic, messages: messages.slice(from, from + 1000) };
      await producer.send({ batches: [batch], group: 'test-relay', positionTopic: topic, partition: 0, offset: (sent += 1n) });
    }
  };
  const publish = (...events: RecordedEvent[]) =>
    send(...events.map(({ data, ...envelope }) => encode({ ...envelope, dataText: JSON.stringify(data) })));
  const offset = async () => {
    const [row] = await bench.database.dataSource.query(`select coalesce(sum(next_offset), -1) as sum from ${schema}.offsets`);
    return BigInt((row as { sum: string }).sum);
  };
  // Not by offsets: a transaction's end is acknowledged before its markers are written, so that the log's stable end
  // lags behind.
  const behind = () =>
    bench.database.dataSource.query(
      `select s.aggregate_id, s.version, g.version as held
         from (select aggregate_id, max(aggregate_version) as version from event_store group by 1) as s
         left join ${schema}.checkpoints g using (aggregate_id)
        where g.parked_version is null and s.version is distinct from g.version`,
    ) as Promise<unknown[]>;
  const end = async () => sum(await test.kafka.endOffsets(topic));
  return {
    ...bench,
    test,
    send,
    publish,
    offset,
    end,
    happen: async (...events) => {
      await bench.keep(...events);
      await publish(...events);
    },
    run: async (around = (work) => work, kafka = test.another()) => {
      const work = around(new ProjectorBatches(projector, { ...bench.parts, catalogue: counters, kafka }));
      const subscription = new Subscription(work, { dataSource: bench.dataSource, kafka, lookAgainMs: 50 });
      running.push(subscription);
      await subscription.start();
      return subscription;
    },
    deadLetters: () => test.readTopic(topics.deadLetters.name),
    caughtUp: async () => {
      await until(behind, (found) => found.length === 0);
    },
    drop: async () => {
      await Promise.all(running.map((each) => each.stop()));
      await producer.discard();
      await Promise.all([test.drop(), bench.drop()]);
    },
  };
}
