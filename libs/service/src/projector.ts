import { Module, type Provider } from '@nestjs/common';
import { declarationOf, ProjectorsModule, ProjectorStrategy, type ProjectorClass } from '@tradecore/consumers';
import type { Migration } from '@tradecore/event-sourcing';
import type { Server } from './run/config.ts';
import { runService, type ServiceOptions } from './run/run-service.ts';
import { tokens } from './tokens.ts';

/** What a projector's service needs besides its projector. */
export interface ProjectorServiceOptions {
  /** Servers besides PostgreSQL and Kafka. */
  readonly uses?: readonly Server[];
  /** A `CommitListener`, and what it needs. */
  readonly providers?: readonly Provider[];
}

/**
 * The service that keeps the read model of one projector, under the projector's name. `migrations`: those of the read
 * models.
 */
export function projectorService(
  projector: ProjectorClass,
  migrations: readonly Migration[],
  { uses = [], providers = [] }: ProjectorServiceOptions = {},
): ServiceOptions {
  @Module({ imports: [ProjectorsModule.with({ kafka: tokens.kafka })], providers: [projector, ...providers] })
  class ProjectorService {}
  return {
    name: declarationOf(projector).name,
    module: ProjectorService,
    uses: ['postgres', 'kafka', ...uses],
    migrations,
    strategies: [ProjectorStrategy],
  };
}

/** `await runProjector(Orders, readModelMigrations)`: the whole service, as `runService` runs it. */
export const runProjector = (...service: Parameters<typeof projectorService>): Promise<void> =>
  runService(projectorService(...service));
