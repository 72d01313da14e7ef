import type { Config } from '@tradecore/service';
import { z } from 'zod';

const url = (...schemes: string[]) =>
  z.string().refine((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol), {
    error: `must be a URL that starts with ${schemes.join(' or ')}`,
  });

/** Settings of the gateway beside its servers. */
export const gatewayConfig = {
  /** Which broker: its name in ids of executions and in logs. Both speak the same protocol. */
  BROKER: z.enum(['paper', 'alpaca']).default('paper'),
  /** Its trading API. */
  BROKER_URL: url('http:', 'https:').meta({ examples: ['https://paper-api.alpaca.markets'] }),
  /** Its stream of updates; `/stream` of the trading API when absent. */
  BROKER_STREAM_URL: url('ws:', 'wss:').optional(),
  /** Its market data API; Alpaca's, or the trading API's address for the paper broker, when absent. */
  BROKER_DATA_URL: url('http:', 'https:').optional(),
  BROKER_KEY_ID: z.string().min(1),
  BROKER_SECRET_KEY: z.string().min(1).meta({ secret: true }),
  /**
   * A replaced order's fills count as its replacement's there. Where not, a replace is a cancel and a submit of the rest. When absent: on for the
   * paper broker, off for Alpaca, where it is not proven.
   */
  BROKER_REPLACE_CARRIES_FILLS: z.stringbool().optional(),
  /** Requests a minute that it allows: 200 at Alpaca; when absent that, and 60,000 for the paper broker. */
  BROKER_RATE_LIMIT: z.coerce.number().int().min(1).max(10_000_000).optional(),
  /** Milliseconds that a call may take. */
  BROKER_TIMEOUT: z.coerce.number().int().min(50).max(60_000).default(5_000),
  /** Calls to it at a time. */
  BROKER_WORKERS: z.coerce.number().int().min(1).max(256).default(16),
  /** Milliseconds after a call within which its order may still appear there, though it says that it has none. */
  BROKER_GRACE: z.coerce.number().int().min(0).max(600_000).default(2_000),
  /** Milliseconds after a call in which an order that is not there, and not wanted any more, is not given up yet. */
  BROKER_QUARANTINE: z.coerce.number().int().min(0).max(3_600_000).default(30_000),
  /** Calls and look-ups without an outcome until somebody has to look; it is looked up all the same. Ten take about 45 s. */
  BROKER_TRIES: z.coerce.number().int().min(1).max(1_000).default(10),
  /** Milliseconds between two sweeps, in which orders and executions are compared with the brokerage's lists. */
  BROKER_SWEEP: z.coerce.number().int().min(100).max(3_600_000).default(30_000),
  /** Milliseconds that an order which was just taken waits for its executions, so that both are stored together. */
  BROKER_GATHER: z.coerce.number().int().min(0).max(1_000).default(5),
  /** Milliseconds between two readings of last prices. */
  BROKER_PRICE_MS: z.coerce.number().int().min(50).max(3_600_000).default(500),
  /** Symbols whose prices are read, comma between them; all when empty. */
  BROKER_SYMBOLS: z
    .string()
    .default('')
    .transform((text) => text.split(',').filter((each) => each !== '')),
};

/** The gateway's settings as read. */
export type GatewayConfig = Config<typeof gatewayConfig>;

/** Where the stream is. */
export const streamUrlOf = ({ BROKER_STREAM_URL, BROKER_URL }: GatewayConfig): string =>
  BROKER_STREAM_URL ?? `${BROKER_URL.replace(/^http/, 'ws').replace(/\/$/, '')}/stream`;

/** Where the market data is. */
export const dataUrlOf = ({ BROKER, BROKER_DATA_URL, BROKER_URL }: GatewayConfig): string =>
  BROKER_DATA_URL ?? (BROKER === 'alpaca' ? 'https://data.alpaca.markets' : BROKER_URL);

/** Whether fills are carried over on a replace. */
export const carriesFillsOf = ({ BROKER, BROKER_REPLACE_CARRIES_FILLS }: GatewayConfig): boolean =>
  BROKER_REPLACE_CARRIES_FILLS ?? BROKER === 'paper';

/** Requests a minute. */
export const rateOf = ({ BROKER, BROKER_RATE_LIMIT }: GatewayConfig): number =>
  BROKER_RATE_LIMIT ?? (BROKER === 'alpaca' ? 200 : 60_000);
