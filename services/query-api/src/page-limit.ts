import type { Config } from '@tradecore/service';
import { z } from 'zod';

/** Settings of pages. */
export const pageSettings = {
  /** What a page holds, at most, whatever it was asked for. */
  LIMIT_PAGE: z.coerce.number().int().min(200).max(500).default(500),
};

/** The setting as it was read. */
export type PageLimit = Pick<Config<typeof pageSettings>, 'LIMIT_PAGE'>;
