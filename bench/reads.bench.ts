/**
 * Reads of the models from PostgreSQL and from Redis: an order, a page of 50, positions. 16 callers in one process, a
 * pool of 10 connections. `npm run bench -- reads`
 */
import { StoreIdentity } from '@tradecore/event-sourcing';
import { freshId } from '@tradecore/events';
import { orderById, ordersOfAccount, positionsOfAccount, ReadCache, type CachedRead } from '@tradecore/read-models';
import { TestReadModels } from '@tradecore/read-models/testing';
import { metricsPage } from '@tradecore/telemetry';
import { Redis } from 'ioredis';
import { machine, percentile, writeResults, type Row } from './harness.ts';

const [callers, calls] = [16, Number(process.argv[2] ?? 8000)];

async function measure(read: () => Promise<unknown>): Promise<{ 'reads/s': number; 'p50, ms': string; 'p99, ms': string }> {
  const waits: number[] = [];
  const call = async (): Promise<void> => {
    while (waits.length < calls) {
      const started = performance.now();
      await read();
      waits.push(performance.now() - started);
    }
  };
  await read();
  const started = performance.now();
  await Promise.all(Array.from({ length: callers }, call));
  const perSecond = Math.round((waits.length / (performance.now() - started)) * 1000);
  const of = (share: number): string => percentile(waits, share).toFixed(2);
  return { 'reads/s': perSecond, 'p50, ms': of(0.5), 'p99, ms': of(0.99) };
}

const models = await TestReadModels.create();
const redis = new Redis(process.env['REDIS_URL'] ?? '', { lazyConnect: true });
try {
  await redis.connect();
  const db = await models.database.dataSourceFor('query-api');
  const cache = new ReadCache(redis, new StoreIdentity(db), { life: 5000, patience: 20 });
  const accountId = await models.openAccount({ deposit: '10000000' });
  let orderId = freshId();
  for (let n = 0; n < 60; n += 1) {
    orderId = await models.flow.place(accountId, { symbol: `SYM${n % 10}` });
    await models.flow.accepted(orderId);
    await models.flow.traded(orderId, '4', '101');
  }
  await models.database.dataSource.query('vacuum analyze');
  const place = { query: 'bench', wanted: 0, versionOf: () => 1 };
  const reads: [string, Pick<CachedRead<object>, 'model' | 'id'>, () => Promise<object | undefined>][] = [
    ['an order', { model: 'orders', id: orderId }, () => orderById(db, orderId)],
    ['a page of 50 orders', { model: 'orders', id: accountId }, () => ordersOfAccount(db, { accountId, limit: 50 })],
    ['positions', { model: 'positions', id: accountId }, () => positionsOfAccount(db, accountId)],
  ];
  const rows: (Row & { readonly 'reads/s': number })[] = [];
  for (const [read, of, load] of reads) {
    rows.push({ read, from: 'PostgreSQL', ...(await measure(load)) });
    rows.push({ read, from: 'Redis', ...(await measure(() => cache.read({ ...place, ...of }, load))) });
  }
  const saved = [...(await metricsPage()).matchAll(/^tradecore_read_cache_saved_seconds_total.*\} ([\d.e-]+)$/gm)];
  const quicker = rows.flatMap((row, n) => (n % 2 === 0 ? [(rows[n + 1]?.['reads/s'] ?? 0) / row['reads/s']] : []));
  writeResults({
    name: 'reads',
    method: `${callers} callers, ${calls} reads each way, nothing changes meanwhile. The metric of what hits saved: ${saved.reduce((sum, [, seconds]) => sum + Number(seconds), 0).toFixed(1)} s.`,
    machine: await machine(models.database.url),
    rows,
    targets: [
      {
        target: 'a read from Redis is quicker than from PostgreSQL, both on this machine',
        found: quicker.map((each) => `${each.toFixed(2)} x`).join(', '),
        reached: quicker.every((each) => each > 1),
      },
    ],
  });
} finally {
  redis.disconnect();
  await models.drop();
}
