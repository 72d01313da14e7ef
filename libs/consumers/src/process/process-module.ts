import { Inject, Injectable, Module, type DynamicModule } from '@nestjs/common';
import {
  moduleOf,
  runs,
  SubscriptionServer,
  type Running,
  type Runs,
  type ServerOptions,
} from '../offsets/subscription-server.ts';
import type { Received } from './deadlines.ts';
import type { Process } from './process.ts';
import type { ProcessParts } from './process-batches.ts';
import { RunningProcess } from './running-process.ts';

/** How a process is run. */
export interface ProcessOptions extends ServerOptions {
  readonly process: Process;
  /** The topics that it hears. */
  readonly topics: readonly string[];
  /** Name of the service, of its consumer group, and (`-` as `_`) of the schema with its offsets and open sagas. */
  readonly service: string;
  /** Which steps the other side has received, read from what it exports. When absent, deadlines always ask again. */
  readonly received?: Received;
  /** Called with the stored events after the commit, for counting. */
  readonly stored?: ProcessParts['stored'];
}

/**
 * Runs a process and its deadlines from `listen` to `close`, which drains. `strategies: [ProcessStrategy]` in the
 * service's options.
 */
@Injectable()
export class ProcessStrategy extends SubscriptionServer {
  constructor(@Inject(runs) private readonly runs: Runs<ProcessOptions>) {
    super();
  }

  protected subscribe(): Running[] {
    const { service: name, ...rest } = this.runs;
    return [new RunningProcess({ name, ...rest })];
  }
}

/**
 * `imports: [ProcessModule.with({ process: orderPlacement, topics: [...], service: 'order-saga', kafka: tokens.kafka
 * })]`; exports `ProcessStrategy`.
 */
@Module({})
export class ProcessModule {
  static with(options: ProcessOptions): DynamicModule {
    return moduleOf(ProcessModule, ProcessStrategy, options);
  }
}
