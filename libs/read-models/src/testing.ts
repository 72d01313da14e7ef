import { createEventStore, type PostgresEventStore } from '@tradecore/event-sourcing';
import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { catalogue, freshId, orderIdFor, type OrderTerms } from '@tradecore/events';
import { redrive } from '@tradecore/subscriptions';
import { extendContext } from '@tradecore/telemetry';
import { Order } from '@tradecore/trading';
import { Feed } from './feed.projector.ts';
import { readModelMigrations } from './migrations.ts';
import { Orders } from './orders.projector.ts';

/** A test's own store and read models, filled without a broker: each write is projected by the code that runs in the fleet. */
export class TestReadModels {
  private constructor(
    readonly database: TestDatabase,
    readonly store: PostgresEventStore,
  ) {}

  static async create(): Promise<TestReadModels> {
    const database = await createTestDatabase({ migrations: readModelMigrations });
    return new TestReadModels(database, createEventStore({ dataSource: database.dataSource, catalogue }));
  }

  /** Places an order and shows it. Returns its id. */
  async place(terms: OrderTerms & { readonly clientOrderId: string }): Promise<string> {
    const orderId = orderIdFor(terms.accountId, terms.clientOrderId);
    await this.write(terms.accountId, orderId, (order) => order.place(terms));
    return orderId;
  }

  /** Asks to cancel an order and shows it. */
  async requestCancel(accountId: string, orderId: string, reason?: string): Promise<void> {
    await this.write(accountId, orderId, (order) => order.requestCancel(reason));
  }

  /** Brings both read models up to the store for one order. */
  async project(orderId: string): Promise<void> {
    const parts = { dataSource: this.database.dataSource, store: this.store, catalogue };
    await redrive(Orders, orderId, parts);
    await redrive(Feed, orderId, parts);
  }

  async drop(): Promise<void> {
    await this.store.close();
    await this.database.drop();
  }

  private async write(account: string, orderId: string, decide: (order: Order) => void): Promise<void> {
    const order = await this.store.loadAggregate(Order, orderId);
    decide(order);
    await extendContext({ correlationId: freshId(), account }, () => this.store.saveAggregate(order));
    await this.project(orderId);
  }
}
