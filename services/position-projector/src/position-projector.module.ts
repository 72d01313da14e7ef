import { Module } from '@nestjs/common';
import { Positions, readModelMigrations } from '@tradecore/read-models';
import { tokens, type ServiceOptions } from '@tradecore/service';
import { ProjectorsModule, ProjectorStrategy } from '@tradecore/consumers';

/** Keeps the read model of positions. */
@Module({ imports: [ProjectorsModule.with({ kafka: tokens.kafka })], providers: [Positions] })
export class PositionProjectorModule {}

/** The service as `main.ts` and tests start it. */
export const positionProjector: ServiceOptions = {
  name: 'position-projector',
  module: PositionProjectorModule,
  uses: ['postgres', 'kafka'],
  migrations: readModelMigrations,
  strategies: [ProjectorStrategy],
};
