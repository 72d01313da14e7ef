import { Inject, Injectable, Module, type DynamicModule, type InjectionToken } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import { catalogue as fleet, type Catalogue } from '@tradecore/events';
import type { KafkaClient } from '@tradecore/messaging';
import { DataSource } from 'typeorm';
import type { DecidingParts } from './deciding-work.ts';
import { RunningSaga } from './running-saga.ts';
import type { SagaClass } from './saga.ts';
import { serverParts, SubscriptionServer } from '../offsets/subscription-server.ts';
import type { Subscription } from '../offsets/subscription.ts';

/** How a saga is run. */
export interface SagasOptions {
  readonly saga: SagaClass;
  /** The topics that it hears. */
  readonly topics: readonly string[];
  /** Name of the service, of its consumer group, and (`-` as `_`) of the schema where offsets and timers are kept. */
  readonly service: string;
  /** Under which token the `KafkaClient` is provided, for every module to see. */
  readonly kafka: InjectionToken;
  /** The fleet's when absent. */
  readonly catalogue?: Catalogue;
}

const runs = Symbol('what a saga runs on');

type Runs = DecidingParts & Pick<SagasOptions, 'saga' | 'topics' | 'service'>;

/** Hears and wakes sagas from `listen` to `close`, which drains. `strategies: [SagaStrategy]` in the service's options. */
@Injectable()
export class SagaStrategy extends SubscriptionServer {
  private readonly running: RunningSaga;

  constructor(@Inject(runs) { service: name, ...rest }: Runs) {
    super();
    this.running = new RunningSaga({ name, ...rest });
  }

  protected subscribe(): Subscription[] {
    return [this.running.subscription];
  }

  protected override async start(): Promise<void> {
    await super.start();
    this.running.timers.start();
  }

  /** Timers first, for they need what the subscription knows. */
  override async close(): Promise<void> {
    await this.running.timers.stop();
    await super.close();
  }
}

/** `imports: [SagasModule.with({ saga: OrderPlacement, topics: [...], service: 'order-saga', kafka: tokens.kafka })]`; exports `SagaStrategy`. */
@Module({})
export class SagasModule {
  static with({ kafka, catalogue = fleet, ...rest }: SagasOptions): DynamicModule {
    const useFactory = (...servers: [DataSource, EventStore, KafkaClient]): Runs => ({
      ...rest,
      ...serverParts(catalogue, ...servers),
    });
    return {
      module: SagasModule,
      providers: [{ provide: runs, useFactory, inject: [DataSource, EventStore, kafka] }, SagaStrategy],
      exports: [SagaStrategy],
    };
  }
}
