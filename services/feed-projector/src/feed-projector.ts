import { Feed, readModelMigrations } from '@tradecore/read-models';
import { projectorService } from '@tradecore/service/projector';
import { FeedHints } from './feed-hints.ts';

/** Keeps each account's feed, and hints at what is new in it. */
export const feedProjector = projectorService(Feed, readModelMigrations, { uses: ['redis'], providers: [FeedHints] });
