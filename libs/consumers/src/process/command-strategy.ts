import { Inject, Injectable, Module, type DynamicModule, type InjectionToken } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService } from '@nestjs/core';
import { EventStore } from '@tradecore/event-sourcing';
import { catalogue as fleet, topics, type Catalogue } from '@tradecore/events';
import type { KafkaClient } from '@tradecore/messaging';
import { DataSource } from 'typeorm';
import { CommandDecider } from './command-decider.ts';
import { DecidingBatches, type DecidingParts } from './deciding-work.ts';
import { handlersOf } from './handles.ts';
import { serverParts, SubscriptionServer } from '../offsets/subscription-server.ts';
import { Subscription } from '../offsets/subscription.ts';

/** How the commands of a service are consumed. */
export interface CommandsOptions {
  /** Name of the service, of its consumer group, and (`-` as `_`) of the schema where offsets are kept. */
  readonly name: string;
  /** Under which token the `KafkaClient` is provided, for every module to see. */
  readonly kafka: InjectionToken;
  /** Where steps travel; `saga.order-placement` when absent. */
  readonly topics?: readonly string[];
  /** The fleet's when absent. */
  readonly catalogue?: Catalogue;
}

const runs = Symbol('what commands run on');

type Runs = DecidingParts & Pick<CommandsOptions, 'name' | 'topics'>;

/**
 * Gives the command handlers of a Nest application their life cycle: the providers with `@Handles` are found, and steps are consumed from `listen`
 * to `close`, which drains. `strategies: [CommandStrategy]` in the service's options.
 */
@Injectable()
export class CommandStrategy extends SubscriptionServer {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(runs) private readonly runs: Runs,
  ) {
    super();
  }

  protected subscribe(): Subscription[] {
    const instances = this.discovery.getProviders().map(({ instance }) => instance as unknown);
    const handlers = new Set(instances.filter((each): each is object => handlersOf(each) !== undefined));
    if (handlers.size === 0) throw new Error(`${this.runs.name} has no provider with @Handles`);
    const { name, topics: from = [topics.orderPlacement.name], catalogue } = this.runs;
    const decider = new CommandDecider({ name, topics: from, handlers: [...handlers], catalogue });
    return [new Subscription(new DecidingBatches(decider, this.runs), this.runs)];
  }
}

/** `imports: [CommandsModule.with({ name: 'command-api', kafka: tokens.kafka })]` beside the handlers as providers; exports `CommandStrategy`. */
@Module({})
export class CommandsModule {
  static with({ kafka, catalogue = fleet, ...rest }: CommandsOptions): DynamicModule {
    const useFactory = (...servers: [DataSource, EventStore, KafkaClient]): Runs => ({
      ...rest,
      ...serverParts(catalogue, ...servers),
    });
    return {
      module: CommandsModule,
      imports: [DiscoveryModule],
      providers: [{ provide: runs, useFactory, inject: [DataSource, EventStore, kafka] }, CommandStrategy],
      exports: [CommandStrategy],
    };
  }
}
