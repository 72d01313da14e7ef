import {
  createEventStore,
  type AggregateClass,
  type AnyAggregate,
  type Migration,
  type PostgresEventStore,
} from '@tradecore/event-sourcing';
import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { catalogue, freshId, orderIdFor, topics, type OrderTerms, type RecordedEvent, WrittenText } from '@tradecore/events';
import { encode, type KafkaClient } from '@tradecore/messaging';
import type { ProjectorClass } from '@tradecore/consumers';
import { redrive } from '@tradecore/consumers/testing';
import { extendContext } from '@tradecore/telemetry';
import { Account, Order } from '@tradecore/trading';
import { Accounts } from './accounts.projector.ts';
import { Feed } from './feed.projector.ts';
import { readModelMigrations } from './migrations.ts';
import { Orders } from './orders.projector.ts';
import { Positions } from './positions.projector.ts';
import { TestOrderFlow } from './test-order-flow.ts';

/** Options of a test's read models. */
export interface TestReadModelsOptions {
  /** False: a running projector projects the writes; see `relay`. */
  readonly projected?: boolean;
  /** Of additional read models. */
  readonly migrations?: readonly Migration[];
}

/**
 * A test's own store and read models. By default each write is projected at once, without Kafka, by the fleet's code.
 */
export class TestReadModels {
  /** Models that project writes only on `project`. */
  readonly behind = new Set<ProjectorClass>();
  /** Orders with all consequences: money, steps, the brokerage's reports. */
  readonly flow: TestOrderFlow;

  private constructor(
    readonly database: TestDatabase,
    readonly store: PostgresEventStore,
    private readonly projected: boolean,
  ) {
    this.flow = new TestOrderFlow(store, (type, id) => this.show(type, id));
  }

  static async create({ projected = true, migrations = [] }: TestReadModelsOptions = {}): Promise<TestReadModels> {
    const database = await createTestDatabase({ migrations: [...readModelMigrations, ...migrations] });
    return new TestReadModels(database, createEventStore({ dataSource: database.dataSource, catalogue }), projected);
  }

  /** Places an order and projects it. Returns its id. */
  async place(terms: OrderTerms & { readonly clientOrderId: string }): Promise<string> {
    const orderId = orderIdFor(terms.accountId, terms.clientOrderId);
    await this.order(terms.accountId, orderId, (order) => order.place(terms));
    return orderId;
  }

  /** Requests to cancel an order and projects it. */
  async requestCancel(accountId: string, orderId: string, reason?: string): Promise<void> {
    const text = reason === undefined ? undefined : new WrittenText(reason);
    await this.order(accountId, orderId, (order) => order.requestCancel(text));
  }

  /** Makes a decision on an order and projects it. */
  order(accountId: string, orderId: string, decide: (order: Order) => void): Promise<void> {
    return this.write(Order, accountId, orderId, decide);
  }

  /** Makes a decision on an account and projects it; start with `account.open`. */
  account(accountId: string, decide: (account: Account) => void): Promise<void> {
    return this.write(Account, accountId, accountId, decide);
  }

  /** Grants a subject access and projects it. */
  async grant(accountId: string, subject: string): Promise<void> {
    const person = await this.person(subject);
    await this.account(accountId, (account) => account.grantAccess(person));
  }

  /** Revokes it and projects that. */
  async revoke(accountId: string, subject: string): Promise<void> {
    const person = await this.person(subject);
    await this.account(accountId, (account) => account.revokeAccess(person));
  }

  /** The person of a subject. */
  async person(subject: string): Promise<string> {
    const [{ person }] = await this.database.dataSource.query<[{ person: string }]>('select person_of($1) as person', [subject]);
    return person;
  }

  /** Opens an account with this much money and projects it. Returns its id. */
  async openAccount({ owner = 'tester', deposit = '10000' } = {}): Promise<string> {
    const [accountId, person] = [freshId(), await this.person(owner)];
    await this.account(accountId, (account) => {
      account.open({ owner: person, currency: 'USD' });
      account.deposit(deposit);
    });
    return accountId;
  }

  /** Brings the read models up to date for one aggregate. */
  async project(aggregateId: string, models: readonly ProjectorClass[] = [Orders, Feed]): Promise<void> {
    const parts = { dataSource: this.database.dataSource, store: this.store, catalogue };
    for (const each of models) await redrive(each, aggregateId, parts);
  }

  /** Publishes the outbox to its topics in one transaction, as the relay does. */
  async relay(kafka: KafkaClient): Promise<void> {
    const rows = await this.database.dataSource.query<{ topic: string; key: string; event: RecordedEvent; text: string }[]>(
      `with taken as (delete from event_outbox returning *)
       select t.topic, t.key, e.event_data::text as text, jsonb_build_object(
              'id', event_id, 'aggregateId', aggregate_id, 'aggregateType', aggregate_type, 'aggregateVersion', aggregate_version,
              'type', event_type, 'schemaVersion', schema_version, 'correlationId', correlation_id, 'causationId', causation_id,
              'sagaId', saga_id, 'metadata', metadata,
              'time', to_char(e.timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) as event
         from taken t join event_store e using (event_id) order by t.seq`,
    );
    const batches = [...Map.groupBy(rows, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
      topic,
      messages: ofTopic.map(({ event, text, key }) => encode({ ...event, dataText: text }, key)),
    }));
    const producer = await kafka.openTransactional({ transactionalId: 'test-relay', writer: 'relay' });
    await producer.send({ batches, group: 'test-relay', positionTopic: topics.relayPosition.name, partition: 0, offset: 0n });
    await producer.discard();
  }

  async drop(): Promise<void> {
    await this.store.close();
    await this.database.drop();
  }

  private async write<A extends AnyAggregate>(
    type: AggregateClass<A>,
    account: string,
    id: string,
    decide: (aggregate: A) => void,
  ): Promise<void> {
    const aggregate = await this.store.loadAggregate(type, id);
    decide(aggregate);
    await extendContext({ correlationId: freshId(), account }, () => this.store.saveAggregate(aggregate));
    await this.show(type.type, id);
  }

  private async show(type: string, id: string): Promise<void> {
    const models = (modelsOf[type] ?? []).filter((model) => !this.behind.has(model));
    if (this.projected) await this.project(id, models);
  }
}

/** The read models that follow an aggregate type. */
const modelsOf: Readonly<Record<string, readonly ProjectorClass[]>> = {
  Order: [Orders, Feed],
  Account: [Accounts, Positions, Feed],
  BrokerOrder: [Feed],
};
