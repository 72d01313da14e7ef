import { StoreIdentity } from '@tradecore/event-sourcing';
import { CuttingProxy } from '@tradecore/event-sourcing/testing';
import { freshId } from '@tradecore/events';
import { metricsPage } from '@tradecore/telemetry';
import { Redis } from 'ioredis';
import { connect, createServer, type AddressInfo } from 'node:net';
import { ReadCache, ReadCacheDrops, type CachedRead } from './read-cache.ts';
import { TestReadModels } from './testing.ts';

interface Shown {
  readonly version: number;
  readonly text: string;
}

/** A busy machine must not look like a slow Redis. */
const limits = { life: 5000, patience: 2000 };
let models: TestReadModels;
let url: string;
let redis: Redis;
let cache: ReadCache;
let drops: ReadCacheDrops;
let prefix: string;

const client = (address: string): Redis => {
  const opened = new Redis(address, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
    retryStrategy: () => 20,
  });
  opened.on('error', () => undefined);
  return opened;
};

beforeAll(async () => {
  url = process.env['REDIS_URL'] ?? '';
  if (!url) throw new Error('REDIS_URL is not set: these tests need Redis, see `npm test`');
  models = await TestReadModels.create();
  redis = client(url);
  await redis.connect();
  cache = new ReadCache(redis, new StoreIdentity(await models.database.dataSourceFor('query-api')), limits);
  drops = new ReadCacheDrops(redis, new StoreIdentity(await models.database.dataSourceFor('order-projector')));
  const { storeId, epoch } = await new StoreIdentity(models.database.dataSource).current();
  prefix = `reads:${storeId}:${epoch}:order_projector:`;
});
afterAll(async () => {
  redis.disconnect();
  await models.drop();
});

const shown = (version: number): Shown => ({ version, text: `as of ${version}` });
const place = (id: string, wanted = 0): CachedRead<Shown> => ({
  model: 'orders',
  id,
  query: 'order',
  wanted,
  versionOf: ({ version }) => version,
});
const never = () => Promise.reject(new Error('PostgreSQL was asked'));
/** The result of a read when PostgreSQL has this version. */
const read = async (id: string, version: number, wanted = 0, by = cache): Promise<number | undefined> => {
  const found = await by.read(place(id, wanted), () => Promise.resolve(shown(version)));
  await redis.ping(); // pending fills are done
  return found?.version;
};
const drop = (orderId: string) => drops.committed('order-projector', new Map([[orderId, { orderId, accountId: freshId() }]]));
const isHeld = async (id: string) => /^\d/.test((await redis.hvals(`${prefix}${id}`)).join());

describe('a cached read', () => {
  it('queries PostgreSQL once, until the projector drops it after its commit', async () => {
    const id = freshId();
    expect(await read(id, 1)).toBe(1);
    expect(await cache.read(place(id), never)).toEqual(shown(1));
    await drop(id);
    expect(await read(id, 2)).toBe(2);
    expect(await metricsPage()).toMatch(/^tradecore_read_cache_reads_total\{model="orders",outcome="hit"\} [1-9]/m);
  });

  it('keeps no missing rows, and nothing for longer than 5 s', async () => {
    const id = freshId();
    expect(await cache.read(place(id), () => Promise.resolve(undefined))).toBeUndefined();
    expect(await read(id, 1)).toBe(1); // another reader's lease is there: not filled
    expect(await isHeld(id)).toBe(false);
    await drop(id);
    await read(id, 1);
    expect(await redis.pttl(`${prefix}${id}`)).toBeGreaterThan(0);
    expect(await redis.pttl(`${prefix}${id}`)).toBeLessThanOrEqual(5000);
  });

  it.each([
    ['is dropped', (id: string) => drop(id)],
    ['is flushed', async (id: string) => void (await redis.del(`${prefix}${id}`))],
    [
      'is flushed and leased again',
      async (id: string) => {
        await redis.del(`${prefix}${id}`);
        await redis.hset(`${prefix}${id}`, 'x', 'y');
      },
    ],
    ['is rebuilt', () => drops.committed('order-projector', undefined)],
  ])('never restores what was read before it %s', async (_, happens) => {
    const id = freshId();
    const old = await cache.read(place(id), async () => {
      const before = shown(1); // the reader has its row ...
      await happens(id); // ... and then the projector commits
      return before;
    });
    expect(old?.version).toBe(1);
    expect(await isHeld(id)).toBe(false);
    expect(await read(id, 2)).toBe(2);
  });

  it('never returns less than the wanted version, and caches what it had to load', async () => {
    const id = freshId();
    await read(id, 1);
    expect(await read(id, 2, 2)).toBe(2);
    expect(await cache.read(place(id, 2), never)).toEqual(shown(2));
    expect(await read(id, 7, Number.POSITIVE_INFINITY)).toBe(7);
    expect(await cache.read(place(id, 7), never)).toEqual(shown(7));
  });

  it('is filled even with many concurrent readers', async () => {
    const id = freshId();
    const slowly = async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return shown(1);
    };
    const asking = Array.from({ length: 20 }, async (_, n) => {
      await new Promise((resolve) => setTimeout(resolve, n));
      return cache.read(place(id), slowly);
    });
    await Promise.all(asking);
    await redis.ping();
    expect(await cache.read(place(id), never)).toEqual(shown(1));
  });

  it("ignores another release's entries, and one drop removes those of all releases", async () => {
    const id = freshId();
    await redis.hset(`${prefix}${id}`, '0.0.1 order', '99 {"version":99,"text":"false"}', 'order', '99 {"version":99}');
    expect(await read(id, 1)).toBe(1);
    await drop(id);
    expect(await redis.exists(`${prefix}${id}`)).toBe(0);
  });

  it.each([
    ['a foreign text', (key: string, field: string) => redis.hset(key, field, 'nonsense')],
    ['broken text', (key: string, field: string) => redis.hset(key, field, '99 {"version":99')],
    ['another type of value', async (key: string) => (await redis.del(key), redis.set(key, 'nonsense', 'PX', 2000))],
  ])("returns PostgreSQL's answer when Redis holds %s", async (_, spoil) => {
    const id = freshId();
    await read(id, 1);
    const [field = ''] = await redis.hkeys(`${prefix}${id}`);
    await spoil(`${prefix}${id}`, field);
    const own = new ReadCache(redis, new StoreIdentity(models.database.dataSource), limits);
    expect(await read(id, 2, 0, own)).toBe(2);
  });

  it('limits what is kept for one id', async () => {
    const id = freshId();
    for (let page = 0; page < 40; page += 1)
      await cache.read({ ...place(id), query: `page ${page}` }, () => Promise.resolve(shown(1)));
    await cache.read({ ...place(id), id: freshId() }, () => Promise.resolve({ version: 1, text: 'x'.repeat(100_000) }));
    await redis.ping();
    expect(await redis.hlen(`${prefix}${id}`)).toBe(32);
  });
});

describe('a drop', () => {
  it('of a rebuilt model removes all of it, and nothing of another model', async () => {
    const ids = [freshId(), freshId()];
    for (const id of ids) await read(id, 1);
    const account = { ...place(ids[0]!), model: 'accounts' } as const;
    await cache.read(account, () => Promise.resolve(shown(1)));
    await redis.ping();
    await drops.committed('order-projector', undefined);
    for (const id of ids) expect(await isHeld(id)).toBe(false);
    expect(await cache.read(account, never)).toEqual(shown(1));
  });

  it('that failed in Redis is retried until it succeeds', async () => {
    const id = freshId();
    await read(id, 1);
    const way = await CuttingProxy.before(url);
    const own = client(way.urlFor(url));
    await own.connect();
    way.refusing = true;
    way.breakAll();
    const dropping = new ReadCacheDrops(own, new StoreIdentity(models.database.dataSource)).committed(
      'order-projector',
      new Map([[id, { orderId: id }]]),
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await isHeld(id)).toBe(true);
    way.refusing = false;
    await dropping;
    expect(await isHeld(id)).toBe(false);
    own.disconnect();
    await way.close();
  });
});

describe('while Redis', () => {
  it('is down, PostgreSQL answers the reads', async () => {
    const gone = client('redis://127.0.0.1:1');
    const own = new ReadCache(gone, new StoreIdentity(models.database.dataSource), limits);
    expect(await read(freshId(), 1, 0, own)).toBe(1);
    gone.disconnect();
  });

  it('is slow, one read waits 20 ms for it, and the next ones do not wait', async () => {
    const sockets = new Set<{ destroy(): void }>();
    const slow = createServer((from) => {
      const to = connect(Number(new URL(url).port || 6379), new URL(url).hostname);
      for (const each of [from, to]) sockets.add(each.on('error', () => undefined));
      from.on('data', (bytes) => setTimeout(() => to.write(bytes), 300));
      to.pipe(from);
    });
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const own = client(`redis://127.0.0.1:${(slow.address() as AddressInfo).port}`);
    await own.connect();
    const late = new ReadCache(own, new StoreIdentity(models.database.dataSource), { ...limits, patience: 20 });
    await models.database.dataSource.query('select 1');
    const took: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      const started = performance.now();
      expect(await late.read(place(freshId()), () => Promise.resolve(shown(n)))).toEqual(shown(n));
      took.push(performance.now() - started);
    }
    expect(took[0]).toBeLessThan(150);
    expect(Math.max(...took.slice(1))).toBeLessThan(15);
    own.disconnect();
    for (const each of sockets) each.destroy();
    await new Promise((resolve) => slow.close(resolve));
  });
});
