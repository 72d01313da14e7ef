import { Inject, Injectable, Module, type DynamicModule, type InjectionToken } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService } from '@nestjs/core';
import { EventStore } from '@tradecore/event-sourcing';
import { catalogue as fleet, type Catalogue } from '@tradecore/events';
import type { KafkaClient } from '@tradecore/messaging';
import { DataSource } from 'typeorm';
import { CommitListener, ProjectorBatches, type ProjectorParts } from './projector-batches.ts';
import { isProjector } from './projector.ts';
import { serverParts, SubscriptionServer } from '../offsets/subscription-server.ts';
import { Subscription } from '../offsets/subscription.ts';

const parts = Symbol('what projectors run on');

/** How the projectors of a service run. */
export interface ProjectorsOptions {
  /** The token under which the `KafkaClient` is provided globally. */
  readonly kafka: InjectionToken;
  /** The fleet's when absent. */
  readonly catalogue?: Catalogue;
}

/**
 * Gives the projectors of a Nest application its life cycle: providers that carry `@Projector` are found and consume
 * from `listen` to `close`, which drains. A provider that is a `CommitListener` is called with their rows.
 * `connectMicroservice({ strategy: app.get(ProjectorStrategy) })`.
 */
@Injectable()
export class ProjectorStrategy extends SubscriptionServer {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(parts) private readonly parts: ProjectorParts,
  ) {
    super();
  }

  protected subscribe(): Subscription[] {
    const providers = this.discovery.getProviders();
    const listener = providers.map(({ instance }) => instance as unknown).find((each) => each instanceof CommitListener);
    const projectors = new Set(providers.map(({ metatype }) => metatype as unknown).filter((each) => isProjector(each)));
    return [...projectors].map(
      (projector) => new Subscription(new ProjectorBatches(projector, { ...this.parts, listener }), this.parts),
    );
  }
}

/**
 * `imports: [ProjectorsModule.with({ kafka: tokens.kafka })]` beside the projectors as providers; exports
 * `ProjectorStrategy`.
 */
@Module({})
export class ProjectorsModule {
  static with({ kafka, catalogue = fleet }: ProjectorsOptions): DynamicModule {
    const useFactory = (...servers: [DataSource, EventStore, KafkaClient]) => serverParts(catalogue, ...servers);
    return {
      module: ProjectorsModule,
      imports: [DiscoveryModule],
      providers: [{ provide: parts, useFactory, inject: [DataSource, EventStore, kafka] }, ProjectorStrategy],
      exports: [ProjectorStrategy],
    };
  }
}
