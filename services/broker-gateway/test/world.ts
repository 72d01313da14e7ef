import { inTransaction } from '@tradecore/consumers';
import { createEventStore, type PostgresEventStore } from '@tradecore/event-sourcing';
import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import {
  brokerOrderIdFor,
  catalogue,
  freshId,
  placementIdFor,
  topics,
  type RecordedEvent,
  type RevisionTerms,
  type StepEvent,
} from '@tradecore/events';
import { encode } from '@tradecore/messaging';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { runtimeMigrations } from '@tradecore/service/migrations';
import type { RunningService } from '@tradecore/service';
import { startTestService } from '@tradecore/service/testing';
import { runInContext } from '@tradecore/telemetry';
import { BrokerOrder, TradingControl } from '@tradecore/trading';
import type { DataSource } from 'typeorm';
import { brokerGateway } from '../src/broker-gateway.module.ts';
import { BrokerOrderQueue } from '../src/broker-order-queue.ts';
import { UpdateListener } from '../src/update-listener.ts';
import type { UpdateStream } from '../src/alpaca/update-stream.ts';
import { stepOf, Steps } from '../src/steps.ts';
import { AskingSaga, canceling, replacing, submitting } from './asking-saga.ts';
import { Paper, until } from './paper.ts';

export { Paper, startProcess, until, type PaperOrder } from './paper.ts';

/** The terms of a market order for 10 ACME. */
export const revisionTerms = (changes: Partial<RevisionTerms> = {}): RevisionTerms => ({
  orderId: freshId(),
  revision: 1,
  accountId: freshId(),
  symbol: 'ACME',
  side: 'buy',
  type: 'market',
  quantity: '10',
  timeInForce: 'day',
  ...changes,
});

/** A limit order far below the price: it rests. */
export const restingTerms = (changes: Partial<RevisionTerms> = {}): RevisionTerms =>
  revisionTerms({ type: 'limit', limitPrice: '50', timeInForce: 'gtc', ...changes });

/** The terms of the revision after this one. */
export const nextTerms = (terms: RevisionTerms, changes: Partial<RevisionTerms>) => ({
  ...terms,
  revision: terms.revision + 1,
  ...changes,
  replaces: brokerOrderIdFor(terms.orderId, terms.revision),
});

type Parts = Pick<World, 'database' | 'dataSource' | 'kafka' | 'paper'>;

/** A store, topics, a paper broker and a gateway. */
export class World {
  gateway: RunningService | undefined;
  readonly database: TestDatabase;
  readonly dataSource: DataSource;
  /** With the owner's rights: stands in for every other service that stores events. */
  readonly store: PostgresEventStore;
  readonly kafka: TestKafka;
  readonly paper: Paper;
  private readonly steps: Steps;
  private readonly requests = new Map<string, number>();

  private constructor({ database, dataSource, kafka, paper }: Parts) {
    [this.database, this.dataSource, this.kafka, this.paper] = [database, dataSource, kafka, paper];
    this.store = createEventStore({ dataSource: database.dataSource, catalogue });
    this.steps = new Steps(dataSource);
  }

  static async create(paperEnv: Readonly<Record<string, string>> = {}): Promise<World> {
    const { orderPlacement, brokerEvents, controlEvents, corrections, marketData, deadLetters, relayPosition } = topics;
    const declarations = [orderPlacement, brokerEvents, controlEvents, corrections, marketData, deadLetters, relayPosition];
    const [database, kafka, paper] = await Promise.all([
      createTestDatabase({ migrations: [...runtimeMigrations] }),
      createTestKafka({ declarations, partitions: 1 }),
      Paper.start(paperEnv),
    ]);
    const dataSource = await database.dataSourceFor('broker-gateway');
    return new World({ database, dataSource, kafka, paper });
  }

  /** Settings of a gateway in this world, with short timeouts. */
  env(changes: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      DATABASE_URL: this.database.urlFor('broker-gateway'),
      KAFKA_BROKERS: this.kafka.brokers.join(','),
      NAMESPACE: this.kafka.namespace,
      BROKER_URL: this.paper.url,
      BROKER_KEY_ID: 'paper',
      BROKER_SECRET_KEY: 'paper-secret',
      BROKER_TIMEOUT: '500',
      BROKER_GRACE: '300',
      BROKER_QUARANTINE: '1500',
      BROKER_SWEEP: '60000',
      BROKER_PRICE_MS: '100',
      ...changes,
    };
  }

  /** Starts the gateway in this process; resolves once its stream is connected. */
  async start(changes: Readonly<Record<string, string>> = {}): Promise<void> {
    this.gateway = await startTestService(brokerGateway, this.env(changes));
    await until('the stream is connected', async () => (await this.metric('tradecore_broker_stream_up')) === 1);
  }

  async stop(): Promise<void> {
    await this.gateway?.stop();
    this.gateway = undefined;
  }

  /** Reconnects the stream, which ends a scripted gap. */
  async reconnect(): Promise<void> {
    const listener = this.gateway?.app.get(UpdateListener, { strict: false });
    const sweeps = () => this.metric('tradecore_broker_sweep_seconds_count');
    const before = await sweeps();
    (Reflect.get(listener as object, 'stream') as UpdateStream).restart();
    await until(
      'the stream is connected again',
      async () => (await sweeps()) > before && (await this.metric('tradecore_broker_stream_up')) === 1,
    );
  }

  /** Stores steps as a saga does. */
  async storeSteps(...steps: readonly StepEvent[]): Promise<readonly RecordedEvent<StepEvent>[]> {
    const [first] = steps;
    const { orderId, accountId } = first?.data ?? revisionTerms();
    const saga = await this.store.loadAggregate(AskingSaga, placementIdFor(orderId));
    saga.ask(...steps);
    const context = { correlationId: freshId(), sagaId: saga.id, account: accountId };
    const { events } = await runInContext(context, () => this.store.saveAggregate(saga));
    return events as readonly RecordedEvent<StepEvent>[];
  }

  /** Stores steps and inserts their rows as the intake does; returns the BrokerOrder of the last one. */
  async ask(...steps: readonly StepEvent[]): Promise<string> {
    const events = await this.storeSteps(...steps);
    await inTransaction(this.dataSource, async (tx) => {
      for (const id of await this.steps.put(tx, events.map(stepOf))) {
        await tx.query(
          `insert into broker_gateway.work as w (key, lane) values ($1, $2)
           on conflict (key) do update set revision = w.revision + 1, due_at = case when w.claim is null then now() else w.due_at end`,
          [id, steps[0]?.data.accountId],
        );
      }
    });
    this.gateway?.app.get(BrokerOrderQueue, { strict: false }).rows.notify();
    return steps.at(-1)?.data.target ?? '';
  }

  /** Requests that an order is sent. */
  submit(terms: RevisionTerms): Promise<string> {
    return this.ask(submitting(terms));
  }

  /** Requests that the next revision replaces an order. */
  replace(terms: RevisionTerms, changes: Partial<RevisionTerms>): Promise<string> {
    return this.ask(replacing(nextTerms(terms, changes)));
  }

  /** Requests a cancel of a revision. */
  cancel(terms: RevisionTerms): Promise<string> {
    const id = brokerOrderIdFor(terms.orderId, terms.revision);
    const request = (this.requests.get(id) ?? 0) + 1;
    this.requests.set(id, request);
    return this.ask(canceling(terms, request));
  }

  /** Halts or resumes trading. */
  async control(id: string, decide: (control: TradingControl) => void): Promise<void> {
    const control = await this.store.loadAggregate(TradingControl, id);
    decide(control);
    await runInContext({ correlationId: freshId() }, () => this.store.saveAggregate(control));
  }

  /** Publishes the outbox to its topics, in one transaction, as the relay does. */
  async relay(): Promise<void> {
    const rows = await this.database.dataSource.query<{ topic: string; key: string; event: RecordedEvent; text: string }[]>(
      `with taken as (delete from event_outbox returning *)
       select t.topic, t.key, e.event_data::text as text, jsonb_build_object(
              'id', event_id, 'aggregateId', aggregate_id, 'aggregateType', aggregate_type, 'aggregateVersion', aggregate_version,
              'type', event_type, 'schemaVersion', schema_version, 'correlationId', correlation_id, 'causationId', causation_id,
              'sagaId', saga_id, 'metadata', metadata,
              'time', to_char(e.timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) as event
         from taken t join event_store e using (event_id) order by t.seq`,
    );
    await this.send(rows.map(({ topic, key, event, text }) => ({ topic, message: encode({ ...event, dataText: text }, key) })));
  }

  /** Publishes stored steps again, as a reset relay does. */
  async redeliver(events: readonly RecordedEvent<StepEvent>[]): Promise<void> {
    const topic = topics.orderPlacement.name;
    await this.send(
      events.map((event) => ({ topic, message: encode({ ...event, dataText: JSON.stringify(event.data) }, event.data.target) })),
    );
  }

  private async send(records: readonly { readonly topic: string; readonly message: ReturnType<typeof encode> }[]): Promise<void> {
    const batches = [...Map.groupBy(records, ({ topic }) => topic)].map(([topic, of]) => ({
      topic,
      messages: of.map(({ message }) => message),
    }));
    const producer = await this.kafka.kafka.openTransactional({ transactionalId: 'test-relay', writer: 'relay' });
    await producer.send({ batches, group: 'test-relay', positionTopic: topics.relayPosition.name, partition: 0, offset: 0n });
    await producer.discard();
  }

  /** The types of a BrokerOrder's events so far. */
  async story(id: string): Promise<string[]> {
    return (await this.events(id)).map(({ type }) => type);
  }

  events(id: string): Promise<RecordedEvent[]> {
    return this.store.readEvents(id);
  }

  brokerOrder(id: string): Promise<BrokerOrder> {
    return this.store.loadAggregate(BrokerOrder, id);
  }

  /** Waits until the BrokerOrder has this progress. */
  async reaches(id: string, progress: BrokerOrder['progress'], withinMs?: number): Promise<void> {
    let last = '';
    const isThere = async (): Promise<boolean> => {
      last = (await this.brokerOrder(id)).progress;
      return last === progress;
    };
    await until(`${id} is ${progress}`, isThere, withinMs).catch(async (error: Error) => {
      throw new Error(`${error.message}; it is ${last}: ${(await this.story(id)).join(', ')}`);
    });
  }

  /** The rows of work. */
  async rows(): Promise<{ key: string; state: Record<string, unknown> }[]> {
    return this.dataSource.query('select key, state from broker_gateway.work');
  }

  async openSteps(): Promise<string[]> {
    const rows = await this.database.dataSource.query<{ id: string }[]>(
      'select command_id as id from broker_gateway.exported_steps',
    );
    return rows.map(({ id }) => id);
  }

  /** A metric of the gateway; labels as in the text format. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.gateway?.adminUrl}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1) ?? NaN);
  }

  async close(): Promise<void> {
    await this.stop();
    await this.paper.stop();
    await this.store.close();
    await Promise.all([this.database.drop(), this.kafka.drop()]);
  }
}
