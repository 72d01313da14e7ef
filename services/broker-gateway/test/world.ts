import { createEventStore, retryOnConflict, type PostgresEventStore } from '@tradecore/event-sourcing';
import {
  brokerOrderIdFor,
  catalogue,
  freshId,
  placementIdFor,
  topics,
  type RevisionTerms,
  type RecordedEvent,
} from '@tradecore/events';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { TestReadModels } from '@tradecore/read-models/testing';
import type { RunningService } from '@tradecore/service';
import { startTestService } from '@tradecore/service/testing';
import { runInContext } from '@tradecore/telemetry';
import { BrokerOrder } from '@tradecore/trading';
import type { DataSource } from 'typeorm';
import { brokerGateway } from '../src/broker-gateway.module.ts';
import { RevisionWork } from '../src/revision-work.ts';
import { UpdateDoor } from '../src/update-door.ts';
import type { UpdateStream } from '../src/alpaca/update-stream.ts';
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

/** A store, topics, a paper broker and a gateway. */
export class World {
  gateway: RunningService | undefined;
  readonly models: TestReadModels;
  readonly dataSource: DataSource;
  readonly store: PostgresEventStore;
  readonly kafka: TestKafka;
  readonly paper: Paper;

  private constructor({ models, dataSource, kafka, paper }: Pick<World, 'models' | 'dataSource' | 'kafka' | 'paper'>) {
    [this.models, this.dataSource, this.kafka, this.paper] = [models, dataSource, kafka, paper];
    this.store = createEventStore({ dataSource, catalogue });
  }

  static async create(paperEnv: Readonly<Record<string, string>> = {}): Promise<World> {
    const declarations = [
      topics.orderPlacement,
      topics.brokerEvents,
      topics.marketData,
      topics.deadLetters,
      topics.relayPosition,
    ];
    const [models, kafka, paper] = await Promise.all([
      TestReadModels.create({ projected: false, migrations: runtimeMigrations }),
      createTestKafka({ declarations, partitions: 1 }),
      Paper.start(paperEnv),
    ]);
    const dataSource = await models.database.dataSourceFor('broker-gateway');
    return new World({ models, dataSource, kafka, paper });
  }

  /** The settings of a gateway in this world: impatient. */
  env(changes: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      DATABASE_URL: this.models.database.urlFor('broker-gateway'),
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

  /** Starts the gateway in this process; its stream is read when this resolves. */
  async start(changes: Readonly<Record<string, string>> = {}): Promise<void> {
    this.gateway = await startTestService(brokerGateway, this.env(changes));
    await until('the stream is read', async () => (await this.metric('broker_stream_up')) === 1);
  }

  async stop(): Promise<void> {
    await this.gateway?.stop();
    this.gateway = undefined;
  }

  /** Begins the stream anew: a scripted gap in it ends. */
  async reconnect(): Promise<void> {
    const door = this.gateway?.app.get(UpdateDoor, { strict: false });
    const ups = () => this.metric('broker_sweep_seconds_count');
    const before = await ups();
    (Reflect.get(door as object, 'stream') as UpdateStream).restart();
    await until('the stream is read again', async () => (await ups()) > before && (await this.metric('broker_stream_up')) === 1);
  }

  /** Decides on a revision and puts its row, as the consumer of commands does; answers the revision's id. */
  async ask(id: string, decide: (revision: BrokerOrder) => void): Promise<string> {
    const asked = () =>
      this.dataSource.transaction(async (tx) => {
        const store = this.store.within(tx);
        const revision = await store.loadAggregate(BrokerOrder, id);
        decide(revision);
        const sagaId = placementIdFor(revision.terms?.orderId ?? '');
        await runInContext({ correlationId: freshId(), sagaId, account: revision.terms?.accountId ?? '' }, () =>
          store.saveAggregate(revision),
        );
        await tx.query(
          `insert into broker_gateway.work as w (key) values ($1)
         on conflict (key) do update set revision = w.revision + 1, due_at = case when w.claim is null then now() else w.due_at end`,
          [id],
        );
      });
    await retryOnConflict(asked);
    this.gateway?.app.get(RevisionWork, { strict: false }).wake();
    return id;
  }

  /** Asks for a revision to be sent. */
  submit(terms: RevisionTerms): Promise<string> {
    return this.ask(brokerOrderIdFor(terms.orderId, terms.revision), (revision) => revision.submit(terms));
  }

  /** The types of a revision's events so far. */
  async story(id: string): Promise<string[]> {
    return (await this.events(id)).map(({ type }) => type);
  }

  events(id: string): Promise<RecordedEvent[]> {
    return this.store.readEvents(id);
  }

  revision(id: string): Promise<BrokerOrder> {
    return this.store.loadAggregate(BrokerOrder, id);
  }

  /** Waits until the revision has got so far. */
  async reaches(id: string, progress: BrokerOrder['progress'], withinMs?: number): Promise<void> {
    let last = '';
    await until(
      `${id} is ${progress}`,
      async () => {
        last = (await this.revision(id)).progress;
        return last === progress;
      },
      withinMs,
    ).catch(async (error: Error) => {
      throw new Error(`${error.message}; it is ${last}: ${(await this.story(id)).join(', ')}`);
    });
  }

  /** Rows of revisions that somebody still attends to. */
  async rows(): Promise<{ key: string; memo: Record<string, unknown> }[]> {
    return this.dataSource.query(`select key, memo from broker_gateway.work where not memo ? 'until'`);
  }

  /** A figure of the gateway; labels as they are written in the text. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.gateway?.adminUrl}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1) ?? NaN);
  }

  async close(): Promise<void> {
    await this.stop();
    await this.paper.stop();
    await this.store.close();
    await Promise.all([this.models.drop(), this.kafka.drop()]);
  }
}
