import { counter, logger } from '@tradecore/telemetry';
import type { BurstyRateLimiter, IRateLimiterOptions, RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import { z } from 'zod';
import type { Config } from '../run/config.ts';
import { RequestRefused } from './problems.ts';

/** The class that a request counts in. `cancels` are counted but never refused: stopping must always be possible. */
const routeClasses = ['orders', 'cancels', 'writes', 'reads'] as const;
/** One of them. */
export type RouteClass = (typeof routeClasses)[number];

/** Whose requests are counted. */
type Whose = 'subject' | 'account';

/** Requests per second, and at once. */
const rate = (text: string) =>
  z
    .string()
    .regex(/^[1-9]\d{0,6}\/[1-9]\d{0,6}$/, 'must be requests per second / at once, as in 100/200')
    .default(text)
    .transform((said) => ({ perSecond: Number(said.split('/')[0]), atOnce: Number(said.split('/')[1]) }))
    .refine(({ perSecond, atOnce }) => atOnce >= perSecond, 'must not allow fewer at once than per second')
    .meta({ examples: [text] });

/** For each subject and each account: requests per second / at once. */
export const rateSettings = {
  LIMIT_ORDERS: rate('100/200'),
  LIMIT_CANCELS: rate('100/200'),
  LIMIT_WRITES: rate('20/40'),
  LIMIT_READS: rate('200/400'),
};

/** Seconds in which a used-up burst refills. */
const burstSeconds = 10;
/** Milliseconds that Redis has to answer, and for which it is not asked again after it failed to. */
const [patienceMs, localMs] = [100, 1000];

const log = logger('rate-limits');
const beyond = counter({
  name: 'tradecore_rate_limited_total',
  help: 'Requests beyond a rate, by owner of the rate: refused with 429, except cancels, which are accepted.',
  labels: { class: routeClasses, of: ['subject', 'account'] },
});
const fallbacks = counter({
  name: 'tradecore_rate_limit_fallbacks_total',
  help: 'Times that Redis did not answer in 100 ms: this process then counts by itself for one second.',
});

interface Limiter {
  readonly perSecond: number;
  readonly atOnce: number;
  readonly local: BurstyRateLimiter;
  /** Shared by all processes; absent without Redis. */
  readonly shared?: BurstyRateLimiter;
}

type Counted = Pick<RateLimiterRes, 'remainingPoints' | 'msBeforeNext'> & { readonly isBeyond: boolean };

/**
 * Rates with a burst, counted in Redis for all processes together; each process counts by itself while Redis is
 * unavailable or slow.
 */
export class RateLimits {
  #localUntil = -Infinity;

  private constructor(
    private readonly limiters: Readonly<Record<RouteClass, Limiter>>,
    /** Ends the connection. */
    readonly close: () => void,
  ) {}

  /** With its own connection if the service uses Redis: one that never waits. */
  static async open(name: string, config: Config, usesRedis: boolean): Promise<RateLimits> {
    // Loaded only where there is a door.
    const { BurstyRateLimiter, RateLimiterMemory, RateLimiterRedis } = await import('rate-limiter-flexible');
    const connect = async () =>
      (await import('../servers/redis.ts')).openRedis(`${name}-limits`, config, { commandTimeout: patienceMs });
    const redis = usesRedis ? await connect() : undefined;
    const shared = (options: IRateLimiterOptions) =>
      new RateLimiterRedis({ ...options, storeClient: redis, rejectIfRedisNotReady: true });
    const bursty = (routeClass: RouteClass, make: (options: IRateLimiterOptions) => RateLimiterAbstract) => {
      const { perSecond, atOnce } = rateOf(config, routeClass);
      const keyPrefix = `${config.NAMESPACE}:limit:${routeClass}`;
      const burst = make({ keyPrefix: `${keyPrefix}:burst`, points: atOnce - perSecond, duration: burstSeconds });
      return new BurstyRateLimiter(make({ keyPrefix, points: perSecond, duration: 1 }), burst);
    };
    const limiters = routeClasses.map((routeClass) => [
      routeClass,
      {
        ...rateOf(config, routeClass),
        local: bursty(routeClass, (options) => new RateLimiterMemory(options)),
        ...(redis && { shared: bursty(routeClass, shared) }),
      },
    ]);
    return new RateLimits(Object.fromEntries(limiters) as Record<RouteClass, Limiter>, () => redis?.disconnect());
  }

  /** Counts a request and returns what is left, as headers. Refuses with 429 beyond the rate, except cancels. */
  async count(routeClass: RouteClass, whose: Whose, id: string): Promise<Record<string, string>> {
    const limiter = this.limiters[routeClass];
    const { perSecond, atOnce } = limiter;
    const { isBeyond, remainingPoints, msBeforeNext } = await this.#count(limiter, `${whose}:${id}`);
    const seconds = String(isBeyond ? Math.max(1, Math.ceil(msBeforeNext / 1000)) : 1);
    const headers = {
      'ratelimit-limit': String(perSecond),
      'ratelimit-remaining': String(remainingPoints),
      'ratelimit-reset': seconds,
      'ratelimit-policy': `${perSecond};w=1;burst=${atOnce}`,
    };
    if (!isBeyond) return headers;
    beyond.inc({ class: routeClass, of: whose });
    if (routeClass !== 'cancels') {
      throw new RequestRefused(
        429,
        'too-many-requests',
        `This ${whose} may send ${perSecond} ${routeClass} per second, ${atOnce} at once.`,
        {
          headers: { ...headers, 'retry-after': seconds },
          extensions: { of: whose, class: routeClass, perSecond, atOnce },
        },
      );
    }
    log.warn({ of: whose, id }, 'a cancel or a kill switch beyond the rate was accepted');
    return headers;
  }

  async #count({ local, shared }: Limiter, key: string): Promise<Counted> {
    const now = performance.now();
    if (shared && now >= this.#localUntil) {
      try {
        return await counted(shared, key);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        this.#localUntil = now + localMs;
        fallbacks.inc();
        log.debug({ err: error }, 'Redis did not count a request');
      }
    }
    return counted(local, key);
  }
}

const rateOf = (config: Config, routeClass: RouteClass) => config[`LIMIT_${routeClass.toUpperCase() as Uppercase<RouteClass>}`];

/**
 * Rejects with an `Error` when the request could not be counted: the library rejects with a plain result when it is
 * beyond the rate.
 */
const counted = (limiter: BurstyRateLimiter, key: string): Promise<Counted> =>
  limiter.consume(key).then(
    ({ remainingPoints, msBeforeNext }) => ({ remainingPoints, msBeforeNext, isBeyond: false }),
    (result: unknown) => {
      if (result instanceof Error) throw result;
      const { msBeforeNext } = result as RateLimiterRes;
      return { remainingPoints: 0, msBeforeNext, isBeyond: true };
    },
  );
