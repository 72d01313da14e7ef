import { Inject, Injectable } from '@nestjs/common';
import { StoreIdentity } from '@tradecore/event-sourcing';
import { freshId } from '@tradecore/events';
import { CommitListener } from '@tradecore/consumers';
import { counter, logger, runningRelease } from '@tradecore/telemetry';
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { readModels, type ReadModel } from './progress.queries.ts';

/** Maximum life of an entry in ms: how old an answer can be when a projector dies between its commit and the drop. */
export const entryLife = 5000;
/** Milliseconds without calls to Redis after it failed or was late. */
const rest = 1000;
/** Maximum answers kept for one order or account, and characters of each. */
const entriesLimit = 32;
const entryLimit = 65_536;

const log = logger('read-cache');
const models = Object.keys(readModels) as ReadModel[];
const reads = counter({
  name: 'tradecore_read_cache_reads_total',
  help: 'Read model reads: answered from Redis (hit), from PostgreSQL (miss), or without an answer from Redis in time (away).',
  labels: { model: models, outcome: ['hit', 'miss', 'away'] },
});
const saved = counter({
  name: 'tradecore_read_cache_saved_seconds_total',
  help: 'Time saved by hits compared with recent reads from PostgreSQL.',
  labels: { model: models },
});
const dropFailures = counter({
  name: 'tradecore_read_cache_drop_failures_total',
  help: 'Drops that failed in Redis and are being retried.',
});

/**
 * KEYS[1] holds the entries of one order or account, ARGV: field, wanted version, lease, life, limit. Returns an entry
 * that is new enough; else 1 when the caller may fill it: its lease is there now. Another reader's lease is kept, or
 * under many readers none would ever fill.
 */
const take = `
  local held = redis.call('hget', KEYS[1], ARGV[1])
  if held then
    local version = tonumber(string.match(held, '^(%d+) '))
    if not version then return 0 end
    if version >= tonumber(ARGV[2]) then return held end
  elseif redis.call('hlen', KEYS[1]) >= tonumber(ARGV[5]) then return 0 end
  redis.call('hset', KEYS[1], ARGV[1], ARGV[3])
  if redis.call('pttl', KEYS[1]) < 0 then redis.call('pexpire', KEYS[1], ARGV[4]) end
  return 1`;
const fill = `if redis.call('hget', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('hset', KEYS[1], ARGV[1], ARGV[3]) end`;

/** What to read, and how new it must be. */
export interface CachedRead<T> {
  readonly model: ReadModel;
  /** Id of the order or account whose changes change the answer. */
  readonly id: string;
  /** Distinguishes answers for one id, such as pages. */
  readonly query: string;
  /** The version the answer must show; 0 if the caller requires none, Infinity if only PostgreSQL can tell. */
  readonly wanted: number;
  /** The version an answer shows, or a lower one. */
  readonly versionOf: (answer: T) => number;
}

/** Time limits. */
export interface ReadCacheLimits {
  /** Life of an entry in ms, at most `entryLife`; 0: nothing is kept. */
  readonly life: number;
  /** Milliseconds that a read waits for Redis. */
  readonly patience: number;
}

type Of = Pick<StoreIdentity, 'current'>;

/**
 * What all Redis keys of a store begin with, before schema and id: several fleets may share a server, and in another
 * epoch a version names another state.
 */
async function prefixOf(store: Of): Promise<string> {
  const { storeId, epoch } = await store.current();
  return `reads:${storeId}:${epoch}:`;
}

/**
 * Answers of read models, kept in Redis from a read to the next change. A reader that finds none leaves a lease in its
 * place *before* it queries PostgreSQL, and fills only if its lease is still there; a drop removes both lease and
 * entry. So a row read before a change never comes back after the drop, and a Redis that was flushed, restarted or
 * short of memory has lost the lease too. If Redis does not answer in time, PostgreSQL does.
 */
export class ReadCache {
  readonly #usual = new Map<ReadModel, number>();
  #restingUntil = 0;

  constructor(
    private readonly redis: Redis,
    private readonly store: Of,
    private readonly limits: ReadCacheLimits,
  ) {}

  /** Redis's entry if it is new enough, else what `load` reads; missing answers are not kept. */
  async read<T extends object>(read: CachedRead<T>, load: () => Promise<T | undefined>): Promise<T | undefined> {
    if (this.limits.life === 0) return load();
    const started = performance.now();
    const key = `${await prefixOf(this.store)}${readModels[read.model].schema}:${read.id}`;
    // Two releases may run at once with different row shapes: each reads its own entries, and a drop removes those of
    // all.
    const field = `${runningRelease} ${read.query}`;
    const lease = `lease ${freshId()}`;
    const wanted = Math.min(read.wanted, Number.MAX_SAFE_INTEGER);
    const taken = await this.#ask(() => this.redis.eval(take, 1, key, field, wanted, lease, this.limits.life, entriesLimit));
    const held = typeof taken === 'string' ? entryIn<T>(taken) : undefined;
    if (held) return this.#hit(read.model, started, held);
    reads.inc({ model: read.model, outcome: taken === undefined ? 'away' : 'miss' });
    const asked = performance.now();
    const loaded = await load();
    if (read.wanted === 0) this.#learn(read.model, performance.now() - asked); // a read with a token may have waited
    if (loaded && taken === 1) this.#fill([key, field, lease], `${read.versionOf(loaded)} ${JSON.stringify(loaded)}`);
    return loaded;
  }

  #fill(place: readonly [key: string, field: string, lease: string], entry: string): void {
    if (entry.length <= entryLimit) void this.#ask(() => this.redis.eval(fill, 1, ...place, entry));
  }

  #hit<T>(model: ReadModel, started: number, held: T): T {
    reads.inc({ model, outcome: 'hit' });
    saved.inc({ model }, Math.max(0, (this.#usual.get(model) ?? 0) - (performance.now() - started)) / 1000);
    return held;
  }

  #learn(model: ReadModel, took: number): void {
    const usual = this.#usual.get(model) ?? took;
    this.#usual.set(model, usual + (took - usual) / 10);
  }

  /** Undefined if Redis is down, slow, or holds something else under the key; then it is not called for a second. */
  async #ask(command: () => Promise<unknown>): Promise<unknown> {
    if (performance.now() < this.#restingUntil) return undefined;
    const { promise: silence, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error('no answer in time')), this.limits.patience);
    try {
      return await Promise.race([command(), silence]);
    } catch (error) {
      this.#restingUntil = performance.now() + rest;
      log.debug({ err: error }, 'bypassing Redis for reads');
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Undefined if it is not one of our entries. */
function entryIn<T>(text: string): T | undefined {
  try {
    return JSON.parse(text.slice(text.indexOf(' '))) as T;
  } catch {
    return undefined;
  }
}

/**
 * Drops what a projector's commit has outdated: the answers for an order, and the pages of its account. A failed drop
 * is retried until the entry would have expired.
 */
@Injectable()
export class ReadCacheDrops extends CommitListener {
  /** Keys without what the store adds, or a key pattern, and when they expire. */
  readonly #due = new Map<string, number>();
  #dropping: Promise<void> | undefined;

  constructor(
    @Inject(Redis) private readonly redis: Redis,
    @Inject(StoreIdentity) private readonly store: Of,
  ) {
    super();
  }

  async committed(projector: string, rows: ReadonlyMap<string, object> | undefined): Promise<void> {
    const schema = projector.replaceAll('-', '_');
    const until = performance.now() + entryLife;
    for (const id of rows ? idsIn(rows.values()) : ['*']) this.#due.set(`${schema}:${id}`, until);
    this.#dropping ??= this.#dropAll().finally(() => (this.#dropping = undefined));
    await this.#dropping;
  }

  async #dropAll(): Promise<void> {
    while (this.#due.size > 0) {
      const batch = [...this.#due];
      this.#due.clear();
      try {
        const prefix = await prefixOf(this.store);
        await this.#drop(batch.map(([key]) => `${prefix}${key}`));
      } catch (error) {
        dropFailures.inc();
        log.debug({ err: error }, 'dropping cached reads failed');
        this.#putBack(batch);
        await sleep(50, undefined, { ref: false });
      }
    }
  }

  #putBack(batch: readonly (readonly [key: string, until: number])[]): void {
    const now = performance.now();
    for (const [key, until] of batch) if (until > now && !this.#due.has(key)) this.#due.set(key, until);
  }

  async #drop(keys: readonly string[]): Promise<void> {
    const [pattern] = keys.filter((key) => key.endsWith('*'));
    if (pattern === undefined) return void (await this.redis.unlink(...keys));
    // The scan finds everything present at its start, including leases of readers that saw the old rows; one projector,
    // one pattern.
    for await (const found of this.redis.scanStream({ match: pattern, count: 1000 }) as AsyncIterable<string[]>)
      if (found.length > 0) await this.redis.unlink(...found);
  }
}

const idsIn = (rows: Iterable<object>): Set<string> =>
  new Set(
    [...rows].flatMap((row) => {
      const { orderId, accountId } = row as { readonly orderId?: string; readonly accountId?: string };
      return [orderId, accountId].filter((id) => id !== undefined);
    }),
  );

/** Added to a projector's service because its reads are cached. */
export const withReadCache = { uses: ['redis'], providers: [ReadCacheDrops] } as const;
