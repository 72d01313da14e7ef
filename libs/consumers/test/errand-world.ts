import { freshId, topics, type RecordedEvent } from '@tradecore/events';
import { createEventStore, type PostgresEventStore } from '@tradecore/event-sourcing';
import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { IntakeBatches, RunningProcess, Subscription, type BatchProcessor } from '@tradecore/consumers';
import type { IncomingMessage, KafkaClient, OutgoingMessage } from '@tradecore/messaging';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { runInContext } from '@tradecore/telemetry';
import type { DataSource } from 'typeorm';
import {
  declarations,
  errandIdFor,
  ErrandProcess,
  errands,
  Job,
  migrations,
  names,
  Payments,
  Purse,
  received,
  Wallet,
  type PaymentRequested,
} from './errands.ts';
import { startRelay } from './relay.ts';
import { until } from './world.ts';

/** How a job is opened. */
export interface Opening {
  readonly walletId?: string;
  readonly purseId?: string;
  readonly amount?: number;
  readonly deadlineMs?: number;
}

/** Wraps the batches of a consumer. */
export type Around = (processor: BatchProcessor) => BatchProcessor;

/** A database, a broker, and a small relay between them. */
export interface ErrandWorld {
  readonly database: TestDatabase;
  readonly test: TestKafka;
  /** The store of the desk, which writes jobs and fills wallets. */
  readonly desk: PostgresEventStore;
  /** Opens a job; resolves with its id. */
  open(opening?: Opening): Promise<string>;
  nudge(jobId: string, how?: { spoil?: boolean; halve?: boolean }): Promise<void>;
  /** Sends arbitrary records to a topic. */
  send(topic: string, ...messages: OutgoingMessage[]): Promise<void>;
  publish(...events: RecordedEvent[]): Promise<void>;
  /** Stops the relay for these topics; for all when `true`. */
  halt(which: boolean | readonly string[]): void;
  /** Takes in the steps for purses, as one instance would; pays unless `pays` is false. */
  runPurses(options?: { around?: Around; pays?: boolean }): Promise<Purses>;
  /** Pays what was requested and not paid yet, without any topic. */
  pay(): Promise<void>;
  /** Runs errands, as one instance would. */
  runErrands(around?: Around): Promise<RunningProcess>;
  query<T>(sql: string, parameters?: unknown[]): Promise<T[]>;
  eventsOf(aggregateId: string): Promise<RecordedEvent[]>;
  typesOf(aggregateId: string): Promise<string[]>;
  countOf(type: string): Promise<number>;
  /** Waits until the errands of these jobs have ended. */
  ended(...jobIds: string[]): Promise<void>;
  deadLetters(): Promise<IncomingMessage[]>;
  drop(): Promise<void>;
}

/** Steps for purses, as one instance takes them in. */
export interface Purses {
  readonly subscription: Subscription;
  readonly payments: Payments;
  stop(): Promise<void>;
}

/** Creates an errand world. */
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
  const desk = stores['job-desk'].store;
  const save = (job: Job) => runInContext({ correlationId: freshId(), account: 'acme' }, () => desk.saveAggregate(job));
  const keep = async <T extends { start(): Promise<void>; stop(): Promise<void> }>(each: T): Promise<T> => {
    running.push(each);
    await each.start();
    return each;
  };
  const pay = () => payAll(stores['purse-keeper']);
  const eventsOf = (aggregateId: string) => desk.readEvents(aggregateId);
  const countOf = async (type: string) =>
    (await query<{ n: number }>('select count(*)::int as n from event_store where event_type = $1', [type]))[0]?.n ?? 0;
  return {
    database,
    test,
    desk,
    query,
    pay,
    eventsOf,
    countOf,
    send: relay.send,
    publish: relay.publish,
    halt: relay.halt,
    open: async ({ purseId = freshId(), walletId = freshId(), amount = 1, deadlineMs = 60_000 } = {}) => {
      const job = new Job(freshId()).open({ walletId, purseId, amount, deadlineMs });
      await save(job);
      return job.id;
    },
    nudge: async (jobId, how = {}) => {
      await save((await desk.loadAggregate(Job, jobId)).nudge(how));
    },
    runPurses: async ({ around = (each: BatchProcessor) => each, pays = true } = {}) => {
      const parts = partsFor('purse-keeper', test.another());
      const payments = new Payments();
      const intake = new IntakeBatches({ ...parts, intake: payments, name: 'purse-keeper', topics: [names.steps] });
      const subscription = new Subscription(around(intake), { ...parts, lookAgainMs: 50 });
      await subscription.start();
      let isPaying = pays;
      const paying = (async () => {
        while (isPaying) {
          await pay().catch(() => undefined);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })();
      const stop = async () => {
        isPaying = false;
        await paying;
        await subscription.stop();
      };
      running.push({ stop });
      return { subscription, payments, stop };
    },
    runErrands: async (around = (each) => each) => {
      const parts = partsFor('errand-saga', test.another());
      const saga = { name: 'errand-saga', topics: [names.jobs, names.purses], process: new ErrandProcess(), received };
      return keep(new RunningProcess({ ...parts, ...saga, around, lookAgainMs: 50 }));
    },
    typesOf: async (aggregateId) => (await eventsOf(aggregateId)).map(({ type }) => type),
    ended: async (...jobIds) => {
      const count = `select count(*)::int as n from event_store where aggregate_id = any($1) and event_type = 'ErrandEnded'`;
      await until(
        () => query<{ n: number }>(count, [jobIds.map((id) => errandIdFor(id))]),
        ([row]) => row?.n === jobIds.length,
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

interface Payment {
  readonly n: string;
  readonly step_id: string;
  readonly saga_id: string;
  readonly purse_id: string;
  readonly data: PaymentRequested['data'];
}

/**
 * Answers each row once, even when other instances do the same: ids of what a command causes derive from the command.
 * An amount of 0 is never paid.
 */
async function payAll({ dataSource, store }: { dataSource: DataSource; store: PostgresEventStore }): Promise<void> {
  const rows = (await dataSource.query(
    `select n, step_id, saga_id, purse_id, data from purse_keeper.payments where not done and data->>'amount' <> '0' order by n`,
  )) as Payment[];
  for (const { n, step_id: causationId, saga_id: sagaId, purse_id: purseId, data } of rows) {
    const { commandId, amount, jobId, walletId } = data;
    const context = { correlationId: freshId(), causationId, sagaId, commandId, account: 'acme' };
    const purse = await store.loadAggregate(Purse, purseId);
    await runInContext(context, () => store.saveAggregate(purse.pay({ amount, jobId, walletId })));
    await dataSource.query('update purse_keeper.payments set done = true where n = $1', [n]);
  }
}

/** The current state of a wallet. */
export const walletOf = (world: ErrandWorld, walletId: string): Promise<Wallet> => world.desk.loadAggregate(Wallet, walletId);
