import { Module } from '@nestjs/common';
import { Accounts, readModelMigrations } from '@tradecore/read-models';
import { tokens, type ServiceOptions } from '@tradecore/service';
import { ProjectorsModule, ProjectorStrategy } from '@tradecore/consumers';

/** Keeps the read model of accounts. */
@Module({ imports: [ProjectorsModule.with({ kafka: tokens.kafka })], providers: [Accounts] })
export class AccountProjectorModule {}

/** The service as `main.ts` and tests start it. */
export const accountProjector: ServiceOptions = {
  name: 'account-projector',
  module: AccountProjectorModule,
  uses: ['postgres', 'kafka'],
  migrations: readModelMigrations,
  strategies: [ProjectorStrategy],
};
