import { Inject, Injectable, Module, type DynamicModule } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { moduleOf, runs, SubscriptionServer, type Runs, type ServerOptions } from '../offsets/subscription-server.ts';
import { Subscription } from '../offsets/subscription.ts';
import { IntakeBatches } from './intake-batches.ts';
import { isIntake } from './intake.ts';

/** How the steps for a service are taken in. */
export interface IntakeOptions extends ServerOptions {
  /** Name of the service, of its consumer group, and (`-` as `_`) of the schema with its offsets. */
  readonly name: string;
  /** The topics that carry steps. */
  readonly topics: readonly string[];
}

/**
 * Gives the intake of a Nest application its life cycle: the provider that implements `Intake` is found, and takes in
 * steps from `listen` to `close`, which drains. `strategies: [IntakeStrategy]` in the service's options.
 */
@Injectable()
export class IntakeStrategy extends SubscriptionServer {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(runs) private readonly runs: Runs<IntakeOptions>,
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
  static with(options: IntakeOptions): DynamicModule {
    return moduleOf(IntakeModule, IntakeStrategy, options);
  }
}
