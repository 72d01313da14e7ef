import { freshId, topics, type RecordedEvent } from '@tradecore/events';
import { createEventStore, type PostgresEventStore } from '@tradecore/event-sourcing';
import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { encode, type KafkaClient, type IncomingMessage, type OutgoingMessage } from '@tradecore/messaging';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { runInContext } from '@tradecore/telemetry';
import type { DataSource } from 'typeorm';
import { CommandDecider } from '../src/process/command-decider.ts';
import { DecidingBatches } from '../src/process/deciding-work.ts';
import { RunningSaga } from '../src/process/running-saga.ts';
import { Subscription, type BatchProcessor } from '../src/offsets/subscription.ts';
import { declarations, Errand, errands, errandIdFor, Job, migrations, names, PurseCommands } from './errands.ts';
import { until } from './world.ts';

/** What a job is opened with. */
export interface Order {
  readonly purseId?: string;
  readonly amount?: number;
  readonly deadlineMs?: number;
}

/** A database, a broker, and a small relay between them. */
export interface ErrandWorld {
  readonly database: TestDatabase;
  readonly test: TestKafka;
  /** Opens a job; resolves with its id. */
  open(order?: Order): Promise<string>;
  nudge(jobId: string, spoil?: boolean): Promise<void>;
  /** Puts records on a topic, whatever they are. */
  send(topic: string, ...messages: OutgoingMessage[]): Promise<void>;
  publish(...events: RecordedEvent[]): Promise<void>;
  /** While it is off, nothing gets to the topics. */
  relay(on: boolean): void;
  /** Runs the commands of purses, or errands, as one process would. */
  runPurses(around?: (work: BatchProcessor) => BatchProcessor): Promise<Subscription & { readonly handler: PurseCommands }>;
  runErrands(around?: (work: BatchProcessor) => BatchProcessor): Promise<RunningSaga>;
  query<T>(sql: string, parameters?: unknown[]): Promise<T[]>;
  eventsOf(aggregateId: string): Promise<RecordedEvent[]>;
  /** Waits until the errands of these jobs are ended. */
  ended(...jobIds: string[]): Promise<void>;
  deadLetters(): Promise<IncomingMessage[]>;
  drop(): Promise<void>;
}

const schemaOfTopic: Record<string, string> = { Job: names.jobs, Purse: names.purses, Errand: names.steps };

/** Makes one. */
export async function createErrandWorld(partitions = 2): Promise<ErrandWorld> {
  const [database, test] = await Promise.all([
    createTestDatabase({ catalogue: errands, migrations }),
    createTestKafka({ declarations, partitions }),
  ]);
  const stores = await storesOf(database);
  const relay = await startRelay(database, test);
  const running: { stop(): Promise<void> }[] = [];
  const partsFor = (service: keyof typeof stores, kafka: KafkaClient) => ({ ...stores[service], catalogue: errands, kafka });
  const query = <T>(sql: string, parameters?: unknown[]) => database.dataSource.query(sql, parameters) as Promise<T[]>;
  const save = (job: Job) =>
    runInContext({ correlationId: freshId(), account: 'acme' }, () => stores['job-desk'].store.saveAggregate(job));
  const keep = async <T extends { start(): Promise<void>; stop(): Promise<void> }>(each: T): Promise<T> => {
    running.push(each);
    await each.start();
    return each;
  };
  return {
    database,
    test,
    query,
    send: relay.send,
    publish: relay.publish,
    relay: relay.turn,
    open: async ({ purseId = freshId(), amount = 1, deadlineMs = 60_000 } = {}) => {
      const job = new Job(freshId()).open({ purseId, amount, deadlineMs });
      await save(job);
      return job.id;
    },
    nudge: async (jobId, spoil = false) => {
      await save((await stores['job-desk'].store.loadAggregate(Job, jobId)).nudge(spoil));
    },
    runPurses: async (around = (work) => work) => {
      const parts = partsFor('purse-keeper', test.another());
      const handler = new PurseCommands();
      const decider = new CommandDecider({
        name: 'purse-keeper',
        topics: [names.steps],
        handlers: [handler],
        catalogue: errands,
      });
      const subscription = new Subscription(around(new DecidingBatches(decider, parts)), { ...parts, lookAgainMs: 50 });
      return Object.assign(await keep(subscription), { handler });
    },
    runErrands: async (around = (work) => work) => {
      const parts = partsFor('errand-saga', test.another());
      const saga = { name: 'errand-saga', topics: [names.jobs, names.purses], saga: Errand };
      return keep(new RunningSaga({ ...parts, ...saga, around, lookAgainMs: 50 }));
    },
    eventsOf: (aggregateId) => stores['job-desk'].store.readEvents(aggregateId),
    ended: async (...jobIds) => {
      const ids = jobIds.map((id) => errandIdFor(id));
      const count = `select count(*)::int as n from event_store where aggregate_id = any($1) and event_type = 'ErrandEnded'`;
      await until(
        () => query<{ n: number }>(count, [ids]),
        ([row]) => row?.n === ids.length,
        30_000,
      );
    },
    deadLetters: () => test.readTopic(topics.deadLetters.name),
    drop: async () => {
      await Promise.all(running.map((each) => each.stop()));
      await relay.stop();
      await Promise.all(Object.values(stores).map(({ store }) => store.close()));
      await Promise.all([test.drop(), database.drop()]);
    },
  };
}

async function storesOf(database: TestDatabase) {
  const open = async (service: string): Promise<{ dataSource: DataSource; store: PostgresEventStore }> => {
    const dataSource = await database.dataSourceFor(service);
    return { dataSource, store: createEventStore({ dataSource, catalogue: errands }) };
  };
  return {
    'job-desk': await open('job-desk'),
    'purse-keeper': await open('purse-keeper'),
    'errand-saga': await open('errand-saga'),
  };
}

interface Row {
  readonly seq: string;
  readonly key: string;
  readonly event: RecordedEvent;
}

/** Publishes what the outbox holds, in order. It is never killed, so it needs none of the real one's care. */
async function startRelay({ dataSource }: TestDatabase, test: TestKafka) {
  const producer = await test.kafka.openTransactional({ transactionalId: 'test-relay', writer: 'relay' });
  let sent = 0n;
  let [isOn, isStopped] = [true, false];
  let last: Promise<unknown> = Promise.resolve();
  /** One transaction after the other: the loop and a test may both want to send. */
  const sendAll = (batches: { topic: string; messages: OutgoingMessage[] }[]): Promise<void> => {
    const next = last.then(() =>
      producer.send({ batches, group: 'test-relay', positionTopic: names.jobs, partition: 0, offset: (sent += 1n) }),
    );
    last = next.catch(() => undefined);
    return next;
  };
  const encoded = ({ event, key }: { event: RecordedEvent; key: string }): OutgoingMessage => {
    const { data, ...envelope } = event;
    return { ...encode({ ...envelope, dataText: JSON.stringify(data) }), key };
  };
  const batchesOf = (rows: readonly { event: RecordedEvent; key: string }[]) =>
    [...Map.groupBy(rows, ({ event }) => schemaOfTopic[event.aggregateType] as string)].map(([topic, own]) => ({
      topic,
      messages: own.map((row) => encoded(row)),
    }));
  const turn = async (): Promise<number> => {
    const rows = (await dataSource.query(outboxSql)) as Row[];
    if (rows.length === 0) return 0;
    await sendAll(batchesOf(rows));
    await dataSource.query('delete from event_outbox where seq = any($1)', [rows.map(({ seq }) => seq)]);
    return rows.length;
  };
  const loop = (async () => {
    while (!isStopped) if (!isOn || (await turn()) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  })();
  return {
    turn: (on: boolean) => void (isOn = on),
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
