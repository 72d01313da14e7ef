import { Inject, Injectable, Module, type DynamicModule, type InjectionToken } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService } from '@nestjs/core';
import { EventStore } from '@tradecore/event-sourcing';
import { catalogue as fleet, type Catalogue } from '@tradecore/events';
import type { KafkaClient } from '@tradecore/messaging';
import { DataSource } from 'typeorm';
import { serverParts, SubscriptionServer } from '../offsets/subscription-server.ts';
import { Subscription } from '../offsets/subscription.ts';
import type { ConsumerParts } from '../process/begin.ts';
import { IntakeBatches } from './intake-batches.ts';
import { isIntake } from './intake.ts';

/** How the steps for a service are taken in. */
export interface IntakeOptions {
  /** Name of the service, of its consumer group, and (`-` as `_`) of the schema with its offsets. */
  readonly name: string;
  /** The topics that carry steps. */
  readonly topics: readonly string[];
  /** The token under which the `KafkaClient` is provided globally. */
  readonly kafka: InjectionToken;
  /** The fleet's when absent. */
  readonly catalogue?: Catalogue;
}

const runs = Symbol('what an intake runs on');

type Runs = ConsumerParts & Pick<IntakeOptions, 'name' | 'topics'>;

/**
 * Gives the intake of a Nest application its life cycle: the provider that implements `Intake` is found, and takes in
 * steps from `listen` to `close`, which drains. `strategies: [IntakeStrategy]` in the service's options.
 */
@Injectable()
export class IntakeStrategy extends SubscriptionServer {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(runs) private readonly runs: Runs,
  ) {
    super();
  }

  protected subscribe(): Subscription[] {
    const instances = this.discovery.getProviders().map(({ instance }) => instance as unknown);
    const [intake, ...others] = new Set(instances.filter((each) => isIntake(each)));
    if (!intake || others.length > 0) throw new Error(`${this.runs.name} needs exactly one provider that is an Intake`);
    return [new Subscription(new IntakeBatches({ ...this.runs, intake }), this.runs)];
  }
}

/**
 * `imports: [IntakeModule.with({ name: 'broker-gateway', topics: [...], kafka: tokens.kafka })]` beside the intake as a
 * provider.
 */
@Module({})
export class IntakeModule {
  static with({ kafka, catalogue = fleet, ...rest }: IntakeOptions): DynamicModule {
    const useFactory = (...servers: [DataSource, EventStore, KafkaClient]): Runs => ({
      ...rest,
      ...serverParts(catalogue, ...servers),
    });
    return {
      module: IntakeModule,
      imports: [DiscoveryModule],
      providers: [{ provide: runs, useFactory, inject: [DataSource, EventStore, kafka] }, IntakeStrategy],
      exports: [IntakeStrategy],
    };
  }
}
