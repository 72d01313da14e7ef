import type { Config } from '@tradecore/service';
import { z } from 'zod';

const onOff = z.enum(['on', 'off']).transform((text) => text === 'on');

/** The settings of the paper broker. */
export const paperSettings = {
  /** 0 takes a free port. */
  PORT: z.coerce.number().int().min(0).max(65_535).default(8083),
  /** Folder of the state; without it, no state survives a restart. */
  PAPER_STATE: z
    .string()
    .optional()
    .meta({ examples: ['/var/lib/paper-broker'] }),
  /** Seed of everything random: prices, sizes of fills. */
  PAPER_SEED: z.coerce.number().int().min(0).max(4_294_967_295).default(1),
  /** Keys of the first account, which may script faults and set prices. */
  PAPER_KEY_ID: z.string().min(1).max(100).default('paper'),
  PAPER_SECRET_KEY: z.string().min(1).max(200).default('paper-secret').meta({ secret: true }),
  /** Money of the first account. */
  PAPER_CASH: z
    .string()
    .regex(/^\d{1,15}(\.\d{1,2})?$/, 'must be an amount such as 100000.00')
    .default('10000000000'),
  /** Milliseconds between two price steps. */
  PAPER_TICK_MS: z.coerce.number().int().min(5).max(60_000).default(250),
  /** Prices move by themselves. */
  PAPER_WALK: onOff.default(true),
  /** Probability that a fill takes only a part of what is left, 0 to 1. */
  PAPER_PARTIAL_FILLS: z.coerce.number().min(0).max(0.95).default(0.2),
  /** A replacement carries over its predecessor's fills: `qty` is the new total. `off`: it counts from zero. */
  PAPER_REPLACE_CARRIES_FILLS: onOff.default(true),
  /** Open around the clock, or in New York's hours. */
  PAPER_SESSION: z.enum(['always', 'nyse']).default('always'),
  /** Requests per minute and account; Alpaca allows 200. */
  PAPER_RATE_LIMIT: z.coerce.number().int().min(1).max(10_000_000).default(60_000),
};

/** The parsed settings. */
export type PaperConfig = Config<typeof paperSettings>;
