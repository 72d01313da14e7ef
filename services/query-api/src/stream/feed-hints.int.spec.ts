import { freshId } from '@tradecore/events';
import { type FeedEntryResponse } from '@tradecore/api';
import { feedAfter, feedHintChannel } from '@tradecore/read-models';
import { TestReadModels } from '@tradecore/read-models/testing';
import type { Config } from '@tradecore/service';
import { Redis } from 'ioredis';
import { FeedHints } from './feed-hints.ts';
import { FeedPump, type FeedReader } from './feed-pump.ts';

/** A pump that was never started reads nothing without a hint. */
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
    pump = new FeedPump(await models.database.dataSourceFor('query-api'), { STREAM_READS: 4 });
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

  /**
   * A reader of an account's feed; `next` resolves with its first entries. It takes nothing when it is added, so that
   * only a hint wakes it.
   */
  async function readerOf(accountId: string): Promise<{ next: Promise<readonly FeedEntryResponse[]>; stop: () => void }> {
    let isAdded = false;
    const { promise: next, resolve, reject } = Promise.withResolvers<readonly FeedEntryResponse[]>();
    const reader: FeedReader = {
      accountId,
      subject: 'me',
      position: await pump.headOf(accountId),
      canTake: () => isAdded,
      take: resolve,
      resync: (reason) => reject(new Error(reason)),
    };
    const stop = pump.add(reader);
    isAdded = true;
    return { next, stop };
  }

  it('is enough: the entry is delivered without a poll, and only to readers of that account', async () => {
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

it('readers have their turns by subject: many long replays of one subject do not delay others', async () => {
  const models = await TestReadModels.create();
  const db = await models.database.dataSourceFor('query-api');
  const pump = new FeedPump(db, { STREAM_READS: 2 });
  const account = freshId();
  await models.database.dataSource.query(
    `insert into feed_projector.feed_entries (account_id, sequence, event_id, change, time, data)
     select $1, n, gen_random_uuid(), 'orderPlaced', now(), '{}' from generate_series(1, 2000) n`,
    [account],
  );
  await models.database.dataSource.query('insert into feed_projector.feeds values ($1, 2000)', [account]);
  const { epoch } = await pump.headOf(account);
  // Two connections that have read before: the first read of a new one takes as long as dozens of the next.
  await Promise.all([1, 2].map(() => feedAfter(db, account, { epoch, sequence: 0 }, 1)));
  const served: string[] = [];
  const stops: (() => void)[] = [];
  const { promise: all, resolve } = Promise.withResolvers<void>();
  const add = (subject: string) =>
    stops.push(
      pump.add({
        accountId: account,
        subject,
        position: { epoch, sequence: 0 },
        canTake: () => true,
        take: () => {
          served.push(subject);
          if (subject === 'small' && served.filter((each) => each === 'small').length === 10) resolve();
        },
        resync: () => undefined,
      }),
    );
  for (let n = 0; n < 50; n += 1) add('greedy');
  add('small');
  await all;
  for (const stop of stops) stop();
  expect(served.length).toBeLessThan(40); // its ten slices, and about as many of the other subject
  await models.drop();
});
