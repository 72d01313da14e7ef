import type { OrderResponse } from '@tradecore/api';
import { freshId } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { problemOf, TestQueryApi } from '../test/query-api.ts';
import { epochOf, StreamClient } from '../test/stream-client.ts';

let api: TestQueryApi;
beforeAll(async () => (api = await TestQueryApi.start({ READ_CACHE_MS: '5000', READ_CACHE_TIMEOUT: '2000' })));
afterAll(() => api.stop());

const query = (sql: string) => api.models.database.dataSource.query(sql);

it('what was named before the store gave events up names nothing any more', async () => {
  const accountId = freshId();
  const id = await api.models.place({ ...sampleTerms({ accountId }), clientOrderId: freshId() });
  const read = async (headers: Record<string, string> = {}) => api.get(`/v1/orders/${id}`, [accountId], headers);
  const token = api.token({ aggregateId: id, version: 1 });
  const [client, after] = [await StreamClient.open([accountId], {}, api), { epoch: await epochOf(api), sequence: 1 }];
  client.say({ type: 'subscribe', accountId, after });
  await client.last('subscribed');
  const before = await read({ 'consistency-token': token });
  expect([before.status, before.headers.get('etag'), before.headers.get('consistency-token')]).toEqual([200, api.tag(1), token]);

  // As `relay resume --forget-tail` does; the row is another one, and nothing drops what is cached of it.
  await query(`update store_identity set closed_at = clock_timestamp(), closed_reason = 'a restore'`);
  await query('update order_projector.orders set quantity = 7');
  await query('select reopen_store(0, true)');

  expect(await problemOf(await read({ 'consistency-token': token }))).toMatchObject({
    status: 400,
    code: 'unknown-consistency-token',
  });
  const now = await read({ 'if-none-match': api.tag(1) });
  const etag = now.headers.get('etag') ?? '';
  expect([now.status, ((await now.json()) as OrderResponse).quantity, etag === api.tag(1)]).toEqual([200, '7', false]);
  expect((await read({ 'if-none-match': etag, 'consistency-token': now.headers.get('consistency-token') ?? '' })).status).toBe(
    304,
  );
  expect(await client.last('resync')).toMatchObject({ accountId, reason: 'other-epoch' });
  const late = await StreamClient.open([accountId], {}, api);
  late.say({ type: 'subscribe', accountId, after });
  expect(await late.last('resync')).toMatchObject({ accountId, reason: 'other-epoch', sequence: 1 });
  for (const { socket } of [client, late]) socket.close();
});
