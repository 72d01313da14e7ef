import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { PostgresEventStore, type EventStore } from '@tradecore/event-sourcing';
import type { Catalogue } from '@tradecore/events';
import type { KafkaClient } from '@tradecore/messaging';
import type { DataSource } from 'typeorm';
import { readinessOf, type ReadinessCheck } from './readiness.ts';
import type { Subscription, SubscriptionStatus } from './subscription.ts';

/** The servers of a service, in the form that the runtimes need. */
export function serverParts(catalogue: Catalogue, dataSource: DataSource, store: EventStore, kafka: KafkaClient) {
  if (!(store instanceof PostgresEventStore)) throw new TypeError('consumers need a PostgresEventStore');
  return { catalogue, dataSource, store, kafka };
}

/** Gives subscriptions the life cycle of a Nest application: they consume from `listen` to `close`, which drains. */
export abstract class SubscriptionServer extends Server implements CustomTransportStrategy {
  private subscriptions: Subscription[] | undefined;

  /** Creates the subscriptions; called once. */
  protected abstract subscribe(): Subscription[];

  /** Starts all subscriptions. */
  override listen(callback: (error?: unknown) => void): void {
    this.start().then(() => callback(), callback);
  }

  /** Drains all subscriptions. */
  override async close(): Promise<void> {
    await Promise.all(this.found().map((each) => each.stop()));
    this._status$.next('disconnected');
  }

  /** Has no events; see `statuses()` and readiness. */
  override on(): never {
    throw new Error(`${this.constructor.name} has no events: see statuses()`);
  }

  /** The subscriptions themselves. */
  override unwrap<T>(): T {
    return this.found() as T;
  }

  /** The status of each subscription. */
  statuses(): SubscriptionStatus[] {
    return this.found().map((each) => each.status());
  }

  /** One readiness check for each subscription. */
  readiness(): ReadinessCheck[] {
    return this.found().map((each) => readinessOf(each));
  }

  protected async start(): Promise<void> {
    await Promise.all(this.found().map((each) => each.start()));
    this._status$.next('connected');
  }

  protected found(): Subscription[] {
    this.subscriptions ??= this.subscribe();
    return this.subscriptions;
  }
}
