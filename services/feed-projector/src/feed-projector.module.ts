import { Module } from '@nestjs/common';
import { Feed, readModelMigrations } from '@tradecore/read-models';
import { tokens, type ServiceOptions } from '@tradecore/service';
import { ProjectorsModule, ProjectorStrategy } from '@tradecore/consumers';
import { FeedHints } from './feed-hints.ts';

/** Keeps each account's feed, and tells of it. */
@Module({ imports: [ProjectorsModule.with({ kafka: tokens.kafka })], providers: [Feed, FeedHints] })
export class FeedProjectorModule {}

/** The service as `main.ts` and tests start it. */
export const feedProjector: ServiceOptions = {
  name: 'feed-projector',
  module: FeedProjectorModule,
  uses: ['postgres', 'kafka', 'redis'],
  migrations: readModelMigrations,
  strategies: [ProjectorStrategy],
};
