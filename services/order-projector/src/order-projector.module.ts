import { Module } from '@nestjs/common';
import { Orders, readModelMigrations } from '@tradecore/read-models';
import { tokens, type ServiceOptions } from '@tradecore/service';
import { ProjectorsModule, ProjectorStrategy } from '@tradecore/consumers';

/** Keeps the read model of orders. */
@Module({ imports: [ProjectorsModule.with({ kafka: tokens.kafka })], providers: [Orders] })
export class OrderProjectorModule {}

/** The service as `main.ts` and tests start it. */
export const orderProjector: ServiceOptions = {
  name: 'order-projector',
  module: OrderProjectorModule,
  uses: ['postgres', 'kafka'],
  migrations: readModelMigrations,
  strategies: [ProjectorStrategy],
};
