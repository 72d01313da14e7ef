import type { Config } from '@tradecore/service';
import { z } from 'zod';

/** Settings of the reconciler. */
export const reconcilerConfig = {
  /** Milliseconds between two rounds of each check. */
  CHECK_ROUND: z.coerce.number().int().min(10).max(3_600_000).default(2_000),
  /** Milliseconds for which nothing may have changed before it is judged; and again before a suspicion becomes a finding. */
  CHECK_QUIET: z.coerce.number().int().min(10).max(3_600_000).default(10_000),
  /** Milliseconds after which what follows from something must have followed. */
  CHECK_WINDOW: z.coerce.number().int().min(10).max(3_600_000).default(60_000),
  /** Aggregates of the sweep in a round: what nothing has touched lately is compared as well, in its turn. */
  CHECK_SWEEP: z.coerce.number().int().min(1).max(1_000).default(40),
};

/** The reconciler's settings as read. */
export type ReconcilerConfig = Config<typeof reconcilerConfig>;
