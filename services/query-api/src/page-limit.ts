import type { Config } from '@tradecore/service';
import { z } from 'zod';

/** Settings of pages. */
export const pageSettings = {
  /** The most lines of a page, whatever the request asks for. */
  LIMIT_PAGE: z.coerce.number().int().min(200).max(500).default(500),
};

export type PageLimit = Pick<Config<typeof pageSettings>, 'LIMIT_PAGE'>;
