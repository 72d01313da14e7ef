import type { Config } from '@tradecore/service';
import { z } from 'zod';

/** How much one client may have at the same time. */
export const limitSettings = {
  /** Open orders of an account. */
  LIMIT_OPEN_ORDERS: z.coerce.number().int().min(1).max(100_000).default(1000),
  /** Revisions of an order, the placed one and refused ones counted. */
  LIMIT_REVISIONS: z.coerce.number().int().min(1).max(1000).default(100),
  /** Accounts that a subject opened. */
  LIMIT_ACCOUNTS: z.coerce.number().int().min(1).max(1_000_000).default(100),
  /** Answers of a subject that wait for their order, in one process. */
  LIMIT_WAITS: z.coerce.number().int().min(1).max(100).default(20),
};

/** The settings as they were read. */
export type Limits = Pick<Config<typeof limitSettings>, keyof typeof limitSettings>;
