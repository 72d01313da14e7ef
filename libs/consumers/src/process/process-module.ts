import { Inject, Injectable, Module, type DynamicModule, type InjectionToken } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import { catalogue as fleet, type Catalogue } from '@tradecore/events';
import type { KafkaClient } from '@tradecore/messaging';
import { DataSource } from 'typeorm';
import { serverParts, SubscriptionServer } from '../offsets/subscription-server.ts';
import type { Subscription } from '../offsets/subscription.ts';
import type { ConsumerParts } from './begin.ts';
import type { Received } from './deadlines.ts';
import type { Process } from './process.ts';
import type { ProcessParts } from './process-batches.ts';
import { RunningProcess } from './running-process.ts';

/** How a process is run. */
export interface ProcessOptions {
  readonly process: Process;
  /** The topics that it hears. */
  readonly topics: readonly string[];
  /** Name of the service, of its consumer group, and (`-` as `_`) of the schema with its offsets and open sagas. */
  readonly service: string;
  /** Which steps the other side has received, read from what it exports. When absent, deadlines always ask again. */
  readonly received?: Received;
  /** Called with the stored events after the commit, for counting. */
  readonly stored?: ProcessParts['stored'];
  /** The token under which the `KafkaClient` is provided globally. */
  readonly kafka: InjectionToken;
  /** The fleet's when absent. */
  readonly catalogue?: Catalogue;
}

const runs = Symbol('what a process runs on');

type Runs = ConsumerParts & Pick<ProcessOptions, 'process' | 'topics' | 'service' | 'received' | 'stored'>;

/**
 * Runs a process and its deadlines from `listen` to `close`, which drains. `strategies: [ProcessStrategy]` in the
 * service's options.
 */
@Injectable()
export class ProcessStrategy extends SubscriptionServer {
  private readonly running: RunningProcess;

  constructor(@Inject(runs) { service: name, ...rest }: Runs) {
    super();
    this.running = new RunningProcess({ name, ...rest });
  }

  protected subscribe(): Subscription[] {
    return [this.running.subscription];
  }

  protected override async start(): Promise<void> {
    await super.start();
    this.running.deadlines.start();
  }

  /** Deadlines first. */
  override async close(): Promise<void> {
    await this.running.deadlines.stop();
    await super.close();
  }
}

/**
 * `imports: [ProcessModule.with({ process: orderPlacement, topics: [...], service: 'order-saga', kafka: tokens.kafka
 * })]`; exports `ProcessStrategy`.
 */
@Module({})
export class ProcessModule {
  static with({ kafka, catalogue = fleet, ...rest }: ProcessOptions): DynamicModule {
    const useFactory = (...servers: [DataSource, EventStore, KafkaClient]): Runs => ({
      ...rest,
      ...serverParts(catalogue, ...servers),
    });
    return {
      module: ProcessModule,
      providers: [{ provide: runs, useFactory, inject: [DataSource, EventStore, kafka] }, ProcessStrategy],
      exports: [ProcessStrategy],
    };
  }
}
