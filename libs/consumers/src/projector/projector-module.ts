import { Inject, Injectable, Module, type DynamicModule } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { CommitListener, ProjectorBatches } from './projector-batches.ts';
import { isProjector } from './projector.ts';
import { moduleOf, runs, SubscriptionServer, type Runs, type ServerOptions } from '../offsets/subscription-server.ts';
import { Subscription } from '../offsets/subscription.ts';

/**
 * Gives the projectors of a Nest application its life cycle: providers that carry `@Projector` are found and consume
 * from `listen` to `close`, which drains. A provider that is a `CommitListener` is called with their rows.
 * `connectMicroservice({ strategy: app.get(ProjectorStrategy) })`.
 */
@Injectable()
export class ProjectorStrategy extends SubscriptionServer {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(runs) private readonly runs: Runs<ServerOptions>,
  ) {
    super();
  }

  protected subscribe(): Subscription[] {
    const providers = this.discovery.getProviders();
    const listener = providers.map(({ instance }) => instance as unknown).find((each) => each instanceof CommitListener);
    const projectors = new Set(providers.map(({ metatype }) => metatype as unknown).filter((each) => isProjector(each)));
    return [...projectors].map(
      (projector) => new Subscription(new ProjectorBatches(projector, { ...this.runs, listener }), this.runs),
    );
  }
}

/**
 * `imports: [ProjectorsModule.with({ kafka: tokens.kafka })]` beside the projectors as providers; exports
 * `ProjectorStrategy`.
 */
@Module({})
export class ProjectorsModule {
  static with(options: ServerOptions): DynamicModule {
    return moduleOf(ProjectorsModule, ProjectorStrategy, options);
  }
}
