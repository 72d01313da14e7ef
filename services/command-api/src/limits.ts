import type { Config } from '@tradecore/service';
import { z } from 'zod';

/** Limits on what one client may have at the same time. */
export const limitSettings = {
  /** Open orders of an account. */
  LIMIT_OPEN_ORDERS: z.coerce.number().int().min(1).max(100_000).default(1000),
  /** Revisions of an order, including the first and refused ones. */
  LIMIT_REVISIONS: z.coerce.number().int().min(1).max(1000).default(100),
  /** Accounts that a subject opened. */
  LIMIT_ACCOUNTS: z.coerce.number().int().min(1).max(1_000_000).default(100),
  /** Answers of a subject that wait for an order, in one process. */
  LIMIT_WAITS: z.coerce.number().int().min(1).max(100).default(20),
};

export type Limits = Pick<Config<typeof limitSettings>, keyof typeof limitSettings>;
