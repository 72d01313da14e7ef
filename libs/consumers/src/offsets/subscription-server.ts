import type { DynamicModule, InjectionToken, Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { EventStore, PostgresEventStore } from '@tradecore/event-sourcing';
import { catalogue as fleet, type Catalogue } from '@tradecore/events';
import type { KafkaClient } from '@tradecore/messaging';
import { DataSource } from 'typeorm';
import { readinessOf, type ReadinessCheck } from './readiness.ts';
import type { Subscription } from './subscription.ts';

/** The servers of a service, as the options of its consumers name them. */
export interface ServerOptions {
  /** The token under which the `KafkaClient` is provided globally. */
  readonly kafka: InjectionToken;
  /** The fleet's when absent. */
  readonly catalogue?: Catalogue;
}

/** What a strategy runs on: its options, with the servers in the form that the runtimes need. */
export type Runs<O extends ServerOptions> = Omit<O, keyof ServerOptions> & {
  readonly catalogue: Catalogue;
  readonly dataSource: DataSource;
  readonly store: PostgresEventStore;
  readonly kafka: KafkaClient;
};

/** The token of what a strategy runs on. */
export const runs = Symbol('what a strategy runs on');

/** A module that provides and exports a strategy, and provides to it what it runs on. */
export function moduleOf<O extends ServerOptions>(
  module: Type,
  strategy: Type<SubscriptionServer>,
  { kafka, catalogue = fleet, ...rest }: O,
): DynamicModule {
  const useFactory = (...[dataSource, store, client]: [DataSource, EventStore, KafkaClient]): Runs<O> => {
    if (!(store instanceof PostgresEventStore)) throw new TypeError('consumers need a PostgresEventStore');
    return { ...rest, catalogue, dataSource, store, kafka: client };
  };
  return {
    module,
    imports: [DiscoveryModule],
    providers: [{ provide: runs, useFactory, inject: [DataSource, EventStore, kafka] }, strategy],
    exports: [strategy],
  };
}

/** What has the life cycle of a subscription. */
export type Running = Pick<Subscription, 'start' | 'stop' | 'status'>;

/** Gives subscriptions the life cycle of a Nest application: they consume from `listen` to `close`, which drains. */
export abstract class SubscriptionServer extends Server implements CustomTransportStrategy {
  private subscriptions: Running[] | undefined;

  /** Creates the subscriptions; called once. */
  protected abstract subscribe(): Running[];

  /** Starts all subscriptions. */
  override listen(callback: (error?: unknown) => void): void {
    Promise.all(this.found().map((each) => each.start())).then(() => {
      this._status$.next('connected');
      callback();
    }, callback);
  }

  /** Drains all subscriptions. */
  override async close(): Promise<void> {
    await Promise.all(this.found().map((each) => each.stop()));
    this._status$.next('disconnected');
  }

  /** Has no events; see `readiness()`. */
  override on(): never {
    throw new Error(`${this.constructor.name} has no events: see readiness()`);
  }

  /** The subscriptions themselves. */
  override unwrap<T>(): T {
    return this.found() as T;
  }

  /** One readiness check for each subscription. */
  readiness(): ReadinessCheck[] {
    return this.found().map((each) => readinessOf(each));
  }

  private found(): Running[] {
    this.subscriptions ??= this.subscribe();
    return this.subscriptions;
  }
}
