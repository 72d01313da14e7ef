import {
  encodeLedgerCursor,
  encodeTimeCursor,
  type AccountResponse,
  type OrderEventsResponse,
  type OrderResponse,
  type ReservationPageResponse,
  type TimelineResponse,
} from '@tradecore/api';
import { problemOf, TestQueryApi } from './query-api.ts';

const length = 10_200;
const tooLong = 21_000;
let api: TestQueryApi;
let accountId: string;
let orderId: string;

/** Suspends and resumes an order until it has this many events. */
async function lengthen(id: string, to: number): Promise<void> {
  const store = api.models.database.dataSource;
  await store.query(
    `insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp", metadata,
                              schema_version, position, hash)
     select gen_random_uuid(), $1::uuid, 'Order', n, case n % 2 when 0 then 'OrderSuspended' else 'OrderResumed' end, '{}', h."timestamp" + n * interval '1 ms',
            '{}', 1, nextval('event_position'), ''
       from stream_heads h, generate_series(h.version + 1, $2::int) n where h.aggregate_id = $1`,
    [id, to],
  );
  await store.query('update stream_heads set version = $2 where aggregate_id = $1', [id, to]);
}

beforeAll(async () => {
  api = await TestQueryApi.start();
  accountId = await api.models.openAccount();
  orderId = await api.models.flow.place(accountId);
  await api.models.flow.accepted(orderId);
  await lengthen(orderId, length);
}, 30_000);
afterAll(() => api?.stop());

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

async function read<T>(path: string): Promise<T> {
  const response = await api.get(path, [accountId]);
  expect([path, response.status]).toEqual([path, 200]);
  return (await response.json()) as T;
}

describe('an order of 10,200 events', () => {
  it('shows its history in pages, with nothing missing or repeated', async () => {
    const path = `/v1/orders/${orderId}/events`;
    const versions = ({ events }: OrderEventsResponse) => events.map(({ version }) => version);
    const first = await read<OrderEventsResponse>(path);
    const second = await read<OrderEventsResponse>(`${path}?cursor=${first.nextCursor}`);
    expect([...versions(first), ...versions(second)]).toEqual(range(1, 1000));
    const last = await read<OrderEventsResponse>(`${path}?cursor=${encodeLedgerCursor(length - 500)}`);
    expect([versions(last), last.nextCursor]).toEqual([range(length - 499, length), undefined]);
  });

  it('shows its timeline in pages, newest first, with nothing missing or repeated', async () => {
    const versions = ({ entries }: TimelineResponse) =>
      entries.filter(({ source }) => source === 'order').map(({ version }) => version);
    const path = `/v1/orders/${orderId}/timeline`;
    const newest = await read<TimelineResponse>(path);
    expect(versions(newest)).toEqual(range(length - 499, length));
    expect(newest.waitingFor).toEqual(['the brokerage to resume it']);
    const second = await read<TimelineResponse>(`${path}?cursor=${newest.nextCursor}`);
    expect(versions(second)).toEqual(range(length - 999, length - 500));
    const { events } = await read<OrderEventsResponse>(`/v1/orders/${orderId}/events?limit=400`);
    const first = await read<TimelineResponse>(`${path}?cursor=${encodeTimeCursor(events.at(-1)?.time ?? '')}`);
    expect([versions(first), first.nextCursor]).toEqual([range(1, 399), undefined]);
    expect(first.entries.map(({ source }) => source)).toEqual(expect.arrayContaining(['account', 'saga', 'brokerage']));
  });

  it('is shown as of any version', async () => {
    for (const version of [3, length]) {
      expect(await read<OrderResponse>(`/v1/orders/${orderId}?asOf=${version}`)).toMatchObject({ version });
    }
  });

  it('with more than 20,000 is shown as of an early version; later versions are refused, not shown in part', async () => {
    const other = await api.models.flow.place(accountId);
    await api.models.flow.accepted(other);
    await lengthen(other, tooLong);
    expect(await read<OrderResponse>(`/v1/orders/${other}?asOf=3`)).toMatchObject({ version: 3 });
    const late = await api.get(`/v1/orders/${other}?asOf=${tooLong}`, [accountId]);
    expect(await problemOf(late)).toMatchObject({ status: 422, code: 'history-too-long' });
  });
});

it('an account with 130 open orders shows 100 of its reservations, and the rest in pages', async () => {
  const rich = await api.models.openAccount({ deposit: '1000000' });
  for (const symbol of ['BETA', 'ACME']) {
    await api.models.account(rich, (account) => {
      const order = { symbol, side: 'buy' as const, quantity: '1', unitPrice: '1', amount: '1' };
      for (let n = 0; n < 65; n += 1) account.reserve({ ...order, orderId: crypto.randomUUID() });
    });
  }
  const get = async <T>(path: string) => (await (await api.get(`/v1/accounts/${rich}${path}`, [rich])).json()) as T;
  const account = await get<AccountResponse>('');
  const rest = await get<ReservationPageResponse>(`/reservations?cursor=${account.nextReservations}`);
  const shown = [...account.reservations, ...rest.reservations];
  expect([account.reservations.length, rest.reservations.length, rest.nextCursor]).toEqual([100, 30, undefined]);
  expect(new Set(shown.map(({ orderId: id }) => id)).size).toBe(130);
  expect(shown.map(({ symbol }) => symbol)).toEqual(shown.map(({ symbol }) => symbol).toSorted());
});
