import { freshId } from '@tradecore/events';
import { type FeedEntryResponse } from '@tradecore/api';
import { feedHintChannel } from '@tradecore/read-models';
import { TestReadModels } from '@tradecore/read-models/testing';
import type { Config } from '@tradecore/service';
import { Redis } from 'ioredis';
import { FeedHints } from './feed-hints.ts';
import { FeedPump, type FeedReader } from './feed-pump.ts';

/** A pump that was never started: without a hint it looks at nothing. */
describe('a hint on Redis', () => {
  let models: TestReadModels;
  let redis: Redis;
  let pump: FeedPump;
  let hints: FeedHints;
  const NAMESPACE = `t${freshId()}`;

  beforeAll(async () => {
    const url = process.env['REDIS_URL'];
    if (!url) throw new Error('REDIS_URL is not set: these tests need Redis, see `npm test`');
    models = await TestReadModels.create();
    redis = new Redis(url, { lazyConnect: true });
    pump = new FeedPump(await models.database.dataSourceFor('query-api'));
    hints = new FeedHints(redis, { NAMESPACE } as Config, pump);
    hints.onApplicationBootstrap();
    while ((await redis.publish(feedHintChannel(NAMESPACE), freshId())) === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5)); // until the subscription stands
    }
  });
  afterAll(async () => {
    hints.beforeApplicationShutdown();
    redis.disconnect();
    await models.drop();
  });

  const place = (accountId: string) =>
    models.place({
      accountId,
      clientOrderId: freshId(),
      symbol: 'ACME',
      side: 'buy',
      type: 'market',
      quantity: '1',
      timeInForce: 'day',
    });

  /** A reader of an account's feed; `next` resolves with what it is told first. It takes nothing when it is added, so that only a hint can wake it. */
  async function readerOf(accountId: string): Promise<{ next: Promise<readonly FeedEntryResponse[]>; stop: () => void }> {
    let isAdded = false;
    const { promise: next, resolve, reject } = Promise.withResolvers<readonly FeedEntryResponse[]>();
    const reader: FeedReader = {
      accountId,
      position: await pump.headOf(accountId),
      canTake: () => isAdded,
      take: resolve,
      resync: (reason) => reject(new Error(reason)),
    };
    const stop = pump.add(reader);
    isAdded = true;
    return { next, stop };
  }

  it('is enough: the entry is told though no poll runs, and to readers of that account alone', async () => {
    const [account, other] = [freshId(), freshId()];
    const [mine, theirs] = [await readerOf(account), await readerOf(other)];
    await place(other);
    const orderId = await place(account);
    await redis.publish(feedHintChannel(NAMESPACE), account);
    expect(await mine.next).toEqual([expect.objectContaining({ accountId: account, orderId, sequence: 1 })]);
    const told = await Promise.race([
      theirs.next.then(() => 'told'),
      new Promise((resolve) => setImmediate(resolve, 'not told')),
    ]);
    expect(told).toBe('not told');
    await redis.publish(feedHintChannel(NAMESPACE), other);
    expect(await theirs.next).toHaveLength(1);
    mine.stop();
    theirs.stop();
  });
});
