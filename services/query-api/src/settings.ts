import { entryLife } from '@tradecore/read-models';
import type { Config, Shape } from '@tradecore/service';
import { z } from 'zod';

/** Settings of query-api only. */
export const settings = {
  /** The most lines of a page, whatever the request asks for. */
  LIMIT_PAGE: z.coerce.number().int().min(200).max(500).default(500),
  /** Milliseconds that Redis keeps an answer unless it is invalidated; 0: no cache. */
  READ_CACHE_MS: z.coerce.number().int().min(0).max(entryLife).default(entryLife),
  /** Milliseconds that a read waits for Redis before it asks PostgreSQL. */
  READ_CACHE_TIMEOUT: z.coerce.number().int().min(1).max(10_000).default(20),
  /** The most open streams of this process, and of one subject in it. */
  STREAM_SOCKETS: z.coerce.number().int().min(1).max(100_000).default(2000),
  STREAM_SOCKETS_PER_SUBJECT: z.coerce.number().int().min(1).max(100_000).default(20),
  STREAM_SUBSCRIPTIONS_PER_SOCKET: z.coerce.number().int().min(1).max(10_000).default(100),
  /** The most concurrent reads of feeds, at most half of them for one subject: the pool has other work. */
  STREAM_READS: z.coerce.number().int().min(1).max(100).default(4),
  /**
   * Signs tickets for streams; the same for all instances. Absent: generated at start, so a ticket is valid only at its
   * own instance.
   */
  STREAM_TICKET_KEY: z
    .string()
    .min(32, 'must have 32 characters or more')
    .optional()
    .meta({ examples: ['32 or more random characters'], secret: true }),
} as const satisfies Shape;

/** All settings of query-api. */
export type QueryConfig = Config<typeof settings>;
