import type { Posting } from '@tradecore/events';
import { add, decimal, subtract, zero, type Decimal } from '@tradecore/money';
import { reservationOf, type Account } from '@tradecore/trading';
import type { Line } from './line.ts';
import { movedBy, signedExecutions, signedFills } from './orders.ts';
import { addTo, ofAggregate, ofType } from './facts.ts';
import type { Facts, Witnesses } from './witnesses.ts';

/**
 * Money, shares and reservations: by the account's own fold, from deposits and executions, by the read models, by the
 * brokerage.
 */
export async function moneyLines({ readModels }: Witnesses, facts: Facts): Promise<Line[]> {
  const { stored, accounts } = facts;
  const seen = await readModels.accounts();
  const positions = (await readModels.positions()).map(
    ({ accountId, symbol, quantity }) => `${accountId} ${symbol} ${decimal(quantity)}`,
  );
  return [
    { what: 'accounts', store: `${accounts.length}`, reads: `${seen.length}` },
    { what: 'postings that do not sum to zero', store: uneven(stored), mustBe: [] },
    { what: 'books that do not sum to zero', store: accounts.filter(isUneven).map(({ id }) => id), mustBe: [] },
    {
      what: 'reserved for each open order',
      store: accounts.flatMap(({ reservations }) => reservations.map(({ orderId, amount }) => `${orderId} ${amount}`)),
      mustBe: facts.orders.flatMap(({ id, state }) => {
        const reservation = state && reservationOf(state);
        return reservation ? [`${id} ${reservation.amount}`] : [];
      }),
      reads: seen.flatMap(({ reservations }) => reservations.map(({ orderId, amount }) => `${orderId} ${decimal(amount)}`)),
    },
    {
      what: 'cash of each account',
      store: accounts.map((each) => `${each.id} ${cashOf(each)}`),
      mustBe: accounts.map(({ id }) => `${id} ${cashOutOfFacts(id, facts)}`),
      reads: seen.map(({ id, cash }) => `${id} ${decimal(cash)}`),
    },
    {
      what: 'positions = signed fills',
      store: accounts.flatMap((each) => sharesHeld(each).map(([symbol, quantity]) => `${each.id} ${symbol} ${quantity}`)),
      mustBe: signedExecutions(facts),
      brokerage: signedFills(facts),
      reads: positions.filter((text) => !text.endsWith(' 0')),
    },
  ];
}

/** Events of accounts whose lines do not sum to zero, by kind and unit. */
const uneven = (stored: Facts['stored']): string[] =>
  ofAggregate(stored, 'Account')
    .filter(({ data }) => !isEven((data as { postings?: readonly Posting[] }).postings ?? []))
    .map(({ id, type }) => `${type} ${id}`);

/** Whether the books of an account sum to something: money or shares came from nowhere. */
export const isUneven = ({ balances }: Pick<Account, 'balances'>): boolean => !isEven(balances);

function isEven(lines: readonly Posting[]): boolean {
  const sums = new Map<string, Decimal>();
  for (const { kind, unit, amount } of lines) addTo(sums, `${kind} ${unit}`, decimal(amount));
  return [...sums.values()].every((sum) => sum === zero);
}

const cashOf = (account: Account): Decimal => add(account.available('currency', 'USD'), account.reserved('currency', 'USD'));

/** Deposits less withdrawals, plus what each execution moved. */
function cashOutOfFacts(account: string, { stored, orders }: Facts): Decimal {
  const sum = (type: string): Decimal =>
    ofType<{ amount: string }>(stored, type)
      .filter(({ aggregateId }) => aggregateId === account)
      .reduce<Decimal>((total, { data }) => add(total, decimal(data.amount)), zero);
  const traded = orders.filter(({ accountId }) => accountId === account).map(movedBy);
  return traded.reduce<Decimal>(add, subtract(sum('FundsDeposited'), sum('FundsWithdrawn')));
}

/** The shares that an account holds of each symbol, free and reserved; without symbols of which it holds none. */
export function sharesHeld({ balances }: Pick<Account, 'balances'>): (readonly [string, Decimal])[] {
  const shares = new Map<string, Decimal>();
  for (const { book, kind, unit, amount } of balances) {
    if (kind === 'symbol' && (book === 'available' || book === 'reserved')) addTo(shares, unit, decimal(amount));
  }
  return [...shares].filter(([, quantity]) => quantity !== zero);
}
