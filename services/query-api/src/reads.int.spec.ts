import type { AccountResponse, OrderPageResponse, OrderResponse } from '@tradecore/api';
import { StoreIdentity } from '@tradecore/event-sourcing';
import { freshId } from '@tradecore/events';
import { ReadCacheDrops } from '@tradecore/read-models';
import { Redis } from 'ioredis';
import { TestQueryApi } from '../test/query-api.ts';

/** Only the test drops cached entries: `TestReadModels` writes rows like a projector that died before its drop. */
let api: TestQueryApi;
let redis: Redis;
let drops: ReadCacheDrops;
beforeAll(async () => {
  api = await TestQueryApi.start({ READ_CACHE_MS: '5000', READ_CACHE_TIMEOUT: '2000' });
  redis = new Redis(process.env['REDIS_URL'] ?? '');
  drops = new ReadCacheDrops(redis, new StoreIdentity(api.models.database.dataSource));
}, 30_000);
afterAll(async () => {
  redis?.disconnect();
  await api?.stop();
});

type Headers = Readonly<Record<string, string>>;
const asked = async <T>(path: string, accountId: string, headers: Headers = {}): Promise<T> =>
  (await (await api.get(path, [accountId], headers)).json()) as T;
const orderIn = (accountId: string, id: string, headers?: Headers) =>
  asked<OrderResponse>(`/v1/orders/${id}`, accountId, headers);
const cashOf = async (id: string, headers?: Headers) => (await asked<AccountResponse>(`/v1/accounts/${id}`, id, headers)).cash;
const pageOf = async (id: string, headers?: Headers) =>
  (await asked<OrderPageResponse>(`/v1/orders?accountId=${id}`, id, headers)).orders.map(({ status }) => status);
const heldOf = async (id: string, headers?: Headers) =>
  (await asked<{ positions: { quantity: string }[] }>(`/v1/accounts/${id}/positions`, id, headers)).positions[0]?.quantity;
const booked = async (id: string, headers?: Headers) =>
  (await asked<{ executions: object[] }>(`/v1/accounts/${id}/executions`, id, headers)).executions.length;

/** What a client sees of an account with one order. */
const seen = async (id: string, orderId: string, headers?: Headers) => ({
  status: (await orderIn(id, orderId, headers)).status,
  page: await pageOf(id, headers),
  cash: await cashOf(id, headers),
  held: await heldOf(id, headers),
  booked: await booked(id, headers),
});

it('a read with the token of a write shows it though Redis holds the old state; without the token, once that is dropped', async () => {
  const accountId = await api.models.openAccount();
  const orderId = await api.models.flow.place(accountId, { limitPrice: '100' });
  const before = await seen(accountId, orderId);
  expect(before).toMatchObject({ status: 'pendingNew', page: ['pendingNew'], cash: '10000', booked: 0 });
  await api.models.flow.accepted(orderId);
  await api.models.flow.traded(orderId, '10', '100');
  expect(await seen(accountId, orderId)).toEqual(before); // all cached

  const history = await api.models.store.readEvents(orderId);
  const [{ aggregateVersion: accountVersion } = { aggregateVersion: 0 }] = (await api.models.store.readEvents(accountId)).slice(
    -1,
  );
  const token = api.token({ aggregateId: orderId, version: history.length, accountId, accountVersion });
  const after = await seen(accountId, orderId, { 'consistency-token': token });
  expect(after).toMatchObject({ status: 'filled', page: ['filled'], cash: '8999.5', held: '10', booked: 1 });
  expect(await seen(accountId, orderId)).toEqual(after); // a read that required a newer state has cached its result

  await api.models.account(accountId, (account) => account.deposit('1'));
  expect(await cashOf(accountId)).toBe('8999.5');
  await drops.committed('account-projector', new Map([[accountId, { accountId }]]));
  expect(await cashOf(accountId)).toBe('9000.5');
});

it('a cached answer is not shown to a caller without access', async () => {
  const accountId = await api.models.openAccount({ owner: 'somebody' });
  const orderId = await api.models.flow.place(accountId, { limitPrice: '100' });
  await seen(accountId, orderId);
  for (const path of [
    `orders/${orderId}`,
    `orders?accountId=${accountId}`,
    `accounts/${accountId}`,
    `accounts/${accountId}/positions`,
  ])
    expect((await api.get(`/v1/${path}`, [freshId()], { subject: 'other' })).status).toBe(404);
});

it('a read with a token counts once against the rate of its account', async () => {
  const limited = await TestQueryApi.start({ LIMIT_READS: '2/2' });
  const accountId = await limited.models.openAccount();
  const orderId = await limited.models.flow.place(accountId, { limitPrice: '100' });
  const headers = { 'consistency-token': limited.token({ aggregateId: orderId, version: 1 }) };
  const read = async (subject: string) =>
    (await limited.get(`/v1/orders/${orderId}`, [accountId], { ...headers, subject })).status;
  expect([await read('one'), await read('other')]).toEqual([200, 200]);
  await limited.stop();
});
