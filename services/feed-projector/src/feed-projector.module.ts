import { Global, Module } from '@nestjs/common';
import { Feed } from '@tradecore/read-models';
import { tokens, type ServiceOptions } from '@tradecore/service';
import { CommitListener, ProjectorsModule, ProjectorStrategy } from '@tradecore/subscriptions';
import { FeedHints } from './feed-hints.ts';

/** Keeps each account's feed. Global, so that the strategy finds whom to tell of new rows. */
@Global()
@Module({
  imports: [ProjectorsModule.with({ broker: tokens.broker })],
  providers: [Feed, { provide: CommitListener, useClass: FeedHints }],
  exports: [CommitListener],
})
export class FeedProjectorModule {}

/** The service as `main.ts` and tests start it. */
export const feedProjector: ServiceOptions = {
  name: 'feed-projector',
  module: FeedProjectorModule,
  uses: ['postgres', 'kafka', 'redis'],
  strategies: [ProjectorStrategy],
};
