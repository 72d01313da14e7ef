import { Feed, readModelMigrations } from '@tradecore/read-models';
import { projectorService } from '@tradecore/service';
import { FeedHints } from './feed-hints.ts';

/** Keeps each account's feed, and tells open sockets of it, as `main.ts` and tests start it. */
export const feedProjector = projectorService(Feed, {
  migrations: readModelMigrations,
  providers: [FeedHints],
  uses: ['redis'],
});
