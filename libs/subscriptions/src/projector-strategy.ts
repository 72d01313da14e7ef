import { Inject, Injectable, Module, type DynamicModule, type InjectionToken } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService } from '@nestjs/core';
import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { EventStore, PostgresEventStore } from '@tradecore/event-sourcing';
import { catalogue as fleet, type Catalogue } from '@tradecore/events';
import type { Broker } from '@tradecore/messaging';
import { DataSource } from 'typeorm';
import { CommitListener, ProjectorWork, type ProjectorParts } from './projector-work.ts';
import { isProjector } from './projector.ts';
import { readinessOf, type ReadinessCheck } from './readiness.ts';
import { Subscription, type SubscriptionStatus } from './subscription.ts';

const parts = Symbol('what projectors run on');

/** How projectors of a service run. */
export interface ProjectorsOptions {
  /** Under which token the `Broker` is provided, for every module to see. */
  readonly broker: InjectionToken;
  /** The fleet's when absent. */
  readonly catalogue?: Catalogue;
}

/**
 * Gives the projectors of a Nest application its life cycle: those providers that carry `@Projector` are found and consume from `listen` to
 * `close`, which drains. A provider that is a `CommitListener` hears of their rows. `connectMicroservice({ strategy: app.get(ProjectorStrategy) })`.
 */
@Injectable()
export class ProjectorStrategy extends Server implements CustomTransportStrategy {
  private subscriptions: Subscription[] | undefined;

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(parts) private readonly parts: ProjectorParts,
  ) {
    super();
  }

  /** Starts every projector. */
  override listen(callback: (error?: unknown) => void): void {
    this.start().then(() => callback(), callback);
  }

  /** Drains every projector. */
  override async close(): Promise<void> {
    await Promise.all(this.found().map((each) => each.stop()));
    this._status$.next('disconnected');
  }

  /** Nobody listens to events of this strategy: `statuses()` and readiness say how it is. */
  override on(): never {
    throw new Error('ProjectorStrategy has no events: see statuses()');
  }

  /** The subscriptions themselves. */
  override unwrap<T>(): T {
    return this.found() as T;
  }

  /** How each projector is doing. */
  statuses(): SubscriptionStatus[] {
    return this.found().map((each) => each.status());
  }

  /** One check a projector, for readiness. */
  readiness(): ReadinessCheck[] {
    return this.found().map((each) => readinessOf(each));
  }

  private async start(): Promise<void> {
    await Promise.all(this.found().map((each) => each.start()));
    this._status$.next('connected');
  }

  private found(): Subscription[] {
    this.subscriptions ??= this.subscribe();
    return this.subscriptions;
  }

  private subscribe(): Subscription[] {
    const providers = this.discovery.getProviders();
    const listener = providers.map(({ instance }) => instance as unknown).find((each) => each instanceof CommitListener);
    const projectors = new Set(providers.map(({ metatype }) => metatype as unknown).filter((each) => isProjector(each)));
    return [...projectors].map(
      (projector) => new Subscription(new ProjectorWork(projector, { ...this.parts, listener }), this.parts),
    );
  }
}

function partsOf(catalogue: Catalogue, dataSource: DataSource, store: EventStore, broker: Broker): ProjectorParts {
  if (!(store instanceof PostgresEventStore)) throw new TypeError('projectors read a PostgresEventStore');
  return { catalogue, dataSource, store, broker };
}

/** `imports: [ProjectorsModule.with({ broker: tokens.broker })]` beside the projectors as providers; it exports `ProjectorStrategy`. */
@Module({})
export class ProjectorsModule {
  static with({ broker, catalogue = fleet }: ProjectorsOptions): DynamicModule {
    const useFactory = (...servers: [DataSource, EventStore, Broker]) => partsOf(catalogue, ...servers);
    return {
      module: ProjectorsModule,
      imports: [DiscoveryModule],
      providers: [{ provide: parts, useFactory, inject: [DataSource, EventStore, broker] }, ProjectorStrategy],
      exports: [ProjectorStrategy],
    };
  }
}
