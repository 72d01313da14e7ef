import type pg from 'pg';
import { standing, type Client, type OrderSeen } from './client.ts';
import type { Paper } from './paper.ts';

/** One line of the check at the end of a day. */
export interface Balance {
  readonly what: string;
  readonly found: string;
  readonly expected: string;
}

/** Where an account's books are read. */
export interface Books {
  readonly client: Client;
  readonly accountId: string;
  readonly database: pg.Client;
  readonly paper: Paper;
}

/**
 * Compares the account with itself, with its trades and with the brokerage, where `orders` are looked up. Every line
 * must balance.
 */
export async function checkBooks(books: Books, orders: readonly string[]): Promise<Balance[]> {
  const { client, accountId, database } = books;
  const { cash, reserved, reservations } = await client.account(accountId);
  const held = reservations.filter(({ side }) => side === 'buy').reduce((sum, { amount }) => sum + cents(amount), 0n);
  const [sums] = await rows<{ lines: number; uneven: number }>(database, postings, accountId);
  const [moved] = await rows<{ cash: string }>(database, movedCash, accountId);
  return [
    { what: `${sums?.lines} postings: units that do not sum to zero`, found: String(sums?.uneven), expected: '0' },
    { what: 'cash: deposits, trades and fees', found: plain(cash), expected: plain(moved?.cash ?? '0') },
    { what: 'reserved: what open orders hold', found: plain(reserved), expected: plain(fromCents(held)) },
    ...(await sharesAreFills(books)),
    ...(await brokerAgrees(books, orders)),
  ];
}

const postings = `select count(*)::int as lines, count(distinct unit) filter (where off <> 0)::int as uneven from (
    select line->>'unit' as unit, sum((line->>'amount')::numeric) over (partition by line->>'kind', line->>'unit') as off
      from event_store, jsonb_array_elements(event_data->'postings') as line where aggregate_id = $1) as posted`;

/** From the facts, not from the postings: deposits, withdrawals, and the cost of each booked or reversed trade. */
const movedCash = `select coalesce(sum(case event_type
    when 'FundsDeposited' then (event_data->>'amount')::numeric
    when 'FundsWithdrawn' then -(event_data->>'amount')::numeric
    when 'FillSettled' then (case event_data->>'side' when 'buy' then -1 else 1 end) * (event_data->>'notional')::numeric
      - (event_data->>'fee')::numeric
    when 'FillReversed' then (case event_data->>'side' when 'buy' then 1 else -1 end) * (event_data->>'notional')::numeric
      + (event_data->>'fee')::numeric
  end), 0)::text as cash from event_store where aggregate_id = $1`;

async function sharesAreFills({ client, accountId }: Books): Promise<Balance[]> {
  const traded = new Map<string, number>();
  for (const { symbol, side, quantity } of standing(await client.executions(accountId))) {
    traded.set(symbol, (traded.get(symbol) ?? 0) + (side === 'buy' ? 1 : -1) * Number(quantity));
  }
  const positions = new Map((await client.positions(accountId)).map(({ symbol, quantity }) => [symbol, Number(quantity)]));
  return [...new Set([...traded.keys(), ...positions.keys()])].sort().map((symbol) => ({
    what: `${symbol}: bought less sold`,
    found: String(positions.get(symbol) ?? 0),
    expected: String(traded.get(symbol) ?? 0),
  }));
}

/** Every revision is at the brokerage once, and the last one of each order is filled as the order says. */
async function brokerAgrees({ client, paper }: Books, orders: readonly string[]): Promise<Balance[]> {
  const ours = await Promise.all(orders.map((id) => client.order(id)));
  const revisions = ours.flatMap((order) =>
    order.revisions.map((revision) => ({ order, id: revision.brokerOrderId, isLast: revision === order.revisions.at(-1) })),
  );
  const there = await Promise.all(
    revisions.map(async ({ order, id, isLast }) => {
      const path = `/v2/orders:by_client_order_id?client_order_id=${id}`;
      const { filled_qty: filled } = await paper.ask<{ filled_qty: string }>('GET', path);
      return { order, isLast, filled };
    }),
  );
  const filled = (sum: number, { filledQuantity }: Pick<OrderSeen, 'filledQuantity'>): number => sum + Number(filledQuantity);
  return [
    { what: "today's revisions at the brokerage", found: String(there.length), expected: String(revisions.length) },
    {
      what: 'shares that they filled',
      found: String(there.filter(({ isLast }) => isLast).reduce((sum, each) => sum + Number(each.filled), 0)),
      expected: String(ours.reduce(filled, 0)),
    },
  ];
}

async function rows<Row extends pg.QueryResultRow>(database: pg.Client, select: string, accountId: string): Promise<Row[]> {
  return (await database.query<Row>(select, [accountId])).rows;
}

/** In units of the ninth decimal place, the last of a money amount. */
const cents = (amount: string): bigint => {
  const [whole = '0', fraction = ''] = amount.split('.');
  return BigInt(`${whole}${fraction.padEnd(9, '0')}`);
};

const fromCents = (amount: bigint): string => {
  const digits = String(amount).padStart(10, '0');
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
};

/** `1250.50`: without redundant zeros beyond two places. */
function plain(amount: string): string {
  const [whole, fraction = ''] = amount.split('.');
  return `${whole}.${fraction.replace(/0+$/, '').padEnd(2, '0')}`;
}
