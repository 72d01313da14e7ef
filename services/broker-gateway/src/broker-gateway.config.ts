import type { Config } from '@tradecore/service';
import { z } from 'zod';

const url = (...schemes: string[]) =>
  z.string().refine((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol), {
    error: `must be a URL that starts with ${schemes.join(' or ')}`,
  });

/** Settings of the gateway, besides those of its servers. */
export const gatewayConfig = {
  /** Which brokerage; its name in execution ids and logs. Both speak the same protocol. */
  BROKER: z.enum(['paper', 'alpaca']).default('paper'),
  /** Its trading API. */
  BROKER_URL: url('http:', 'https:').meta({ examples: ['https://paper-api.alpaca.markets'] }),
  /** Its update stream; default: `/stream` of the trading API. */
  BROKER_STREAM_URL: url('ws:', 'wss:').optional(),
  /** Its market data API; default: Alpaca's, or the trading API's address for the paper broker. */
  BROKER_DATA_URL: url('http:', 'https:').optional(),
  BROKER_KEY_ID: z.string().min(1),
  BROKER_SECRET_KEY: z.string().min(1).meta({ secret: true }),
  /**
   * Whether a replaced order's fills count towards its replacement. If not, a replace is a cancel and a submit of the
   * rest. Default: on for the paper broker, off for Alpaca, where it is not proven.
   */
  BROKER_REPLACE_CARRIES_FILLS: z.stringbool().optional(),
  /** Requests per minute that it allows. Default: 200 for Alpaca, 60,000 for the paper broker. */
  BROKER_RATE_LIMIT: z.coerce.number().int().min(1).max(10_000_000).optional(),
  /** Timeout of a call in milliseconds. */
  BROKER_TIMEOUT: z.coerce.number().int().min(50).max(60_000).default(5_000),
  /** Concurrent calls. */
  BROKER_WORKERS: z.coerce.number().int().min(1).max(256).default(16),
  /** Milliseconds after a call during which its order may still appear, although the brokerage says it has none. */
  BROKER_GRACE: z.coerce.number().int().min(0).max(600_000).default(2_000),
  /** Milliseconds after a call before an order that is absent and no longer wanted is given up. */
  BROKER_QUARANTINE: z.coerce.number().int().min(0).max(3_600_000).default(30_000),
  /** Calls and lookups without an outcome before an operator must look; lookups go on. Ten take about 45 s. */
  BROKER_TRIES: z.coerce.number().int().min(1).max(1_000).default(10),
  /** Milliseconds between two sweeps, which compare orders and executions with the brokerage's lists. */
  BROKER_SWEEP: z.coerce.number().int().min(100).max(3_600_000).default(30_000),
  /** Milliseconds that a newly accepted order waits for its executions, so that both are stored together. */
  BROKER_GATHER: z.coerce.number().int().min(0).max(1_000).default(5),
  /** Milliseconds between two reads of last prices. */
  BROKER_PRICE_MS: z.coerce.number().int().min(50).max(3_600_000).default(500),
  /** Symbols whose prices are read, separated by commas; all when empty. */
  BROKER_SYMBOLS: z
    .string()
    .default('')
    .transform((text) => text.split(',').filter((each) => each !== '')),
};

/** The gateway's parsed settings. */
export type GatewayConfig = Config<typeof gatewayConfig>;

/** URL of the update stream. */
export const streamUrlOf = ({ BROKER_STREAM_URL, BROKER_URL }: GatewayConfig): string =>
  BROKER_STREAM_URL ?? `${BROKER_URL.replace(/^http/, 'ws').replace(/\/$/, '')}/stream`;

/** URL of the market data API. */
export const dataUrlOf = ({ BROKER, BROKER_DATA_URL, BROKER_URL }: GatewayConfig): string =>
  BROKER_DATA_URL ?? (BROKER === 'alpaca' ? 'https://data.alpaca.markets' : BROKER_URL);

/** Whether a replace carries fills over. */
export const carriesFillsOf = ({ BROKER, BROKER_REPLACE_CARRIES_FILLS }: GatewayConfig): boolean =>
  BROKER_REPLACE_CARRIES_FILLS ?? BROKER === 'paper';

/** Requests per minute. */
export const rateOf = ({ BROKER, BROKER_RATE_LIMIT }: GatewayConfig): number =>
  BROKER_RATE_LIMIT ?? (BROKER === 'alpaca' ? 200 : 60_000);
