import { Module, type Provider } from '@nestjs/common';
import { projectorName, ProjectorsModule, ProjectorStrategy, type ProjectorClass } from '@tradecore/consumers';
import type { Migration } from '@tradecore/event-sourcing';
import type { Server } from './config.ts';
import type { ServiceOptions } from './run-service.ts';
import { tokens } from './tokens.ts';

/** What a projector's service has beside the projector. */
export interface ProjectorServiceOptions {
  /** Those that make its read model. */
  readonly migrations: readonly Migration[];
  /** A `CommitListener`, say. */
  readonly providers?: readonly Provider[];
  /** Servers beside PostgreSQL and the broker. */
  readonly uses?: readonly Server[];
}

/** The service that runs one projector, under its name: `runService(projectorService(Orders, { migrations: readModelMigrations }))`. */
export function projectorService(
  projector: ProjectorClass,
  { migrations, providers = [], uses = [] }: ProjectorServiceOptions,
): ServiceOptions {
  class ProjectorServiceModule {}
  Module({
    imports: [ProjectorsModule.with({ kafka: tokens.kafka })],
    providers: [projector, ...providers],
  })(ProjectorServiceModule);
  return {
    name: projectorName(projector),
    module: ProjectorServiceModule,
    uses: ['postgres', 'kafka', ...uses],
    migrations,
    strategies: [ProjectorStrategy],
  };
}
