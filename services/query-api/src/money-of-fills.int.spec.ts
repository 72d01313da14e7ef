import { decodeConsistencyToken, type AccountResponse, type OrderResponse, type PositionsResponse } from '@tradecore/api';
import { freshId } from '@tradecore/events';
import { Accounts, Positions } from '@tradecore/read-models';
import { problemOf, TestQueryApi } from '../test/query-api.ts';

let api: TestQueryApi;
beforeAll(async () => void (api = await TestQueryApi.start()), 30_000);
afterAll(() => api?.stop());
afterEach(() => api.models.behind.clear());

const json = async <T>(response: Response): Promise<T> => (await response.json()) as T;

/** An order that has filled while accounts and positions are still behind. */
async function filledUnpaid(): Promise<{ accountId: string; orderId: string }> {
  const accountId = await api.models.openAccount();
  const orderId = await api.models.flow.place(accountId, { limitPrice: '100' });
  await api.models.flow.accepted(orderId);
  api.models.behind.add(Accounts).add(Positions);
  await api.models.flow.traded(orderId, '10', '100');
  return { accountId, orderId };
}

/** Reads the order and returns the token of the answer. */
async function readFilled(orderId: string, accountId: string): Promise<Record<'consistency-token', string>> {
  const response = await api.get(`/v1/orders/${orderId}`, [accountId]);
  expect(await json<OrderResponse>(response)).toMatchObject({ status: 'filled', filledQuantity: '10' });
  return { 'consistency-token': response.headers.get('consistency-token') ?? '' };
}

describe('a client that has read a filled order', () => {
  it('has a token that names the version of the account with the money', async () => {
    const { accountId, orderId } = await filledUnpaid();
    const token = decodeConsistencyToken((await readFilled(orderId, accountId))['consistency-token']);
    const filled = await api.models.store.readEvents(accountId);
    expect(token).toMatchObject({ aggregateId: orderId, accountId, accountVersion: filled.length });
  });

  it.each([0, 30, 300])('always sees the money in account and positions with its token, %i ms later', async (lateMs) => {
    const { accountId, orderId } = await filledUnpaid();
    const token = await readFilled(orderId, accountId);
    const answers = ['', '/positions', '/activities', '/executions'].map((what) =>
      api.get(`/v1/accounts/${accountId}${what}`, [accountId], token),
    );
    await new Promise((resolve) => setTimeout(resolve, lateMs));
    await api.models.project(accountId, [Accounts]);
    await api.models.project(accountId, [Positions]);
    const [account, positions, activities, executions] = await Promise.all(answers);
    expect(await json<AccountResponse>(account!)).toMatchObject({ cash: '8999.5', reserved: '0', reservations: [] });
    expect((await json<PositionsResponse>(positions!)).positions).toMatchObject([{ symbol: 'ACME', quantity: '10' }]);
    expect(await json<object>(activities!)).toMatchObject({ activities: [{ kind: 'fill' }, {}, {}, {}] });
    expect(await json<object>(executions!)).toMatchObject({ executions: [{ orderId, quantity: '10' }] });
  });

  it('is refused with how far the model is behind if the money does not arrive', async () => {
    const { accountId, orderId } = await filledUnpaid();
    const token = await readFilled(orderId, accountId);
    const problem = await problemOf(await api.get(`/v1/accounts/${accountId}`, [accountId], token));
    expect(problem).toMatchObject({ status: 503, code: 'read-model-behind', writtenVersion: 4, shownVersion: 3 });
  }, 10_000);

  it('learns nothing about a foreign account from a token that names it', async () => {
    const { accountId, orderId } = await filledUnpaid();
    const token = await readFilled(orderId, accountId);
    const mine = await api.models.openAccount();
    const response = await api.get(`/v1/accounts/${mine}`, [mine], { ...token, subject: freshId() });
    expect((await problemOf(response)).code).toBe('unknown-consistency-token');
  });
});
