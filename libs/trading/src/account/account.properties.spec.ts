import fc from 'fast-check';
import type { AccountEvent, Posting, Reservation } from '@tradecore/events';
import { add, compare, decimal, isNegative, multiply, subtract, sum, zero, type Decimal } from '@tradecore/money';
import {
  Account,
  costOf,
  InsufficientFunds,
  InsufficientShares,
  noPosition,
  positionAfter,
  positionWithout,
  reservedFor,
  type AccountState,
  type Position,
} from '../index.ts';

const id = '0190a6e0-0000-7000-8000-000000000001';
const orders = ['o-1', 'o-2', 'o-3', 'o-4'] as const;
const sides = { 'o-1': 'buy', 'o-2': 'sell', 'o-3': 'buy', 'o-4': 'sell' } as const;
const symbols = { 'o-1': 'ACME', 'o-2': 'ACME', 'o-3': 'GLOBEX', 'o-4': 'GLOBEX' } as const;

/** Shares with up to 9 places and prices with up to 4, for crypto sizes and sub-penny prices. */
const quantity = fc.oneof(
  fc.integer({ min: 1, max: 50 }).map((value) => decimal(String(value))),
  fc.integer({ min: 1, max: 5_000_000 }).map((value) => decimal((value / 1e6).toFixed(9))),
);
const price = fc.integer({ min: 1, max: 2_000_000 }).map((value) => decimal((value / 1e4).toFixed(4)));
const cents = fc.integer({ min: 1, max: 1_000_000 }).map((value) => decimal((value / 100).toFixed(2)));
const order = fc.constantFrom(...orders);

const facts = (orderId: (typeof orders)[number]) => ({ orderId, symbol: symbols[orderId], side: sides[orderId] });
const executedAt = '2026-11-23T09:00:00Z';
const reservationFor = (orderId: (typeof orders)[number], shares: Decimal, unitPrice: Decimal): Reservation => ({
  ...facts(orderId),
  quantity: shares,
  unitPrice,
  amount: sides[orderId] === 'buy' ? reservedFor(shares, unitPrice) : shares,
});

/** An action on an account: a door's command, or an event that the saga stores. */
type Act = { readonly door: (account: Account) => void } | { readonly saga: (account: Account) => AccountEvent | undefined };

const reservation = fc.tuple(order, quantity, price).map((terms) => reservationFor(...terms));
const left = fc.option(fc.tuple(quantity, price), { nil: undefined });
const fill = fc
  .tuple(order, quantity, price, fc.nat(40), left)
  .map(
    ([each, shares, at, n, rest]) =>
      [
        { ...facts(each), executedAt, executionId: `e-${n}`, quantity: shares, price: at },
        rest && reservationFor(each, ...rest),
      ] as const,
  );

/** All actions in any order, even those that no order leads to: no entry may depend on the order. */
const anything: fc.Arbitrary<Act> = fc.oneof(
  cents.map((amount): Act => ({ door: (account) => account.deposit(amount) })),
  cents.map((amount): Act => ({ door: (account) => account.withdraw(amount) })),
  reservation.map((each): Act => ({ door: (account) => account.reserve(each) })),
  reservation.map((each): Act => ({ saga: (account) => account.reserving(each.orderId, each) })),
  order.map((orderId): Act => ({ saga: (account) => account.reserving(orderId, undefined) })),
  fill.map((each): Act => ({ saga: (account) => account.settling(...each) })),
  fill.map((each): Act => ({ saga: (account) => account.reversing(...each) })),
);

function open(): Account {
  const account = new Account(id);
  account.open({ owner: 'ada', currency: 'USD' });
  return account;
}

/** Applies the acts and returns the stored events; a refused command of a door leaves no trace. */
function lived(acts: readonly Act[], account: Account): readonly AccountEvent[] {
  const history: AccountEvent[] = [...account.uncommittedEvents];
  for (const act of acts) {
    account.markCommitted();
    if ('saga' in act) {
      const event = act.saga(account);
      account.replay(event ? [event] : []);
      history.push(...(event ? [event] : []));
      continue;
    }
    try {
      act.door(account);
    } catch (error) {
      if (!(error instanceof InsufficientFunds || error instanceof InsufficientShares)) throw error;
    }
    history.push(...account.uncommittedEvents);
  }
  account.markCommitted();
  return history;
}

const postingsOf = ({ data }: AccountEvent): readonly Posting[] => ('postings' in data ? data.postings : []);

function perUnit(postings: readonly Posting[]): Map<string, Decimal> {
  const sums = new Map<string, Decimal>();
  for (const { kind, unit, amount } of postings)
    sums.set(`${kind} ${unit}`, add(sums.get(`${kind} ${unit}`) ?? zero, decimal(amount)));
  return sums;
}
const balanced = (postings: readonly Posting[]) =>
  expect([...perUnit(postings).values()].every((total) => total === zero)).toBe(true);

/** The positions after its fills and reversals. */
function positionsOf(history: readonly AccountEvent[]): Map<string, Position> {
  const positions = new Map<string, Position>();
  for (const event of history) {
    if (event.type !== 'FillSettled' && event.type !== 'FillReversed') continue;
    const { data } = event as Extract<AccountEvent, { readonly type: 'FillSettled' | 'FillReversed' }>;
    const fold = event.type === 'FillSettled' ? positionAfter : positionWithout;
    positions.set(data.symbol, fold(positions.get(data.symbol) ?? noPosition, data));
  }
  return positions;
}

describe('whatever happens to an account', () => {
  it('each entry sums to zero for each unit, and so do the books', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 40 }), (acts) => {
        const account = open();
        for (const event of lived(acts, account)) balanced(postingsOf(event));
        balanced(account.balances);
      }),
    );
  });

  it('the reserved amount is exactly the sum of its reservations', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 40 }), (acts) => {
        const account = open();
        lived(acts, account);
        const of = (side: string, symbol?: string) =>
          sum(
            account.reservations
              .filter((each) => each.side === side && (symbol ?? each.symbol) === each.symbol)
              .map(({ amount }) => decimal(amount)),
          );
        expect(account.reserved('currency', 'USD')).toBe(of('buy'));
        for (const symbol of ['ACME', 'GLOBEX']) expect(account.reserved('symbol', symbol)).toBe(of('sell', symbol));
      }),
    );
  });

  it('shares equal the signed fills; cash plus cost of positions minus realised equals the net deposits', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 40 }), (acts) => {
        const account = open();
        const positions = positionsOf(lived(acts, account));
        for (const [symbol, position] of positions) {
          expect(add(account.available('symbol', symbol), account.reserved('symbol', symbol))).toBe(position.quantity);
        }
        const all = [...positions.values()];
        const cash = add(account.available('currency', 'USD'), account.reserved('currency', 'USD'));
        const invested = subtract(
          sum(all.map(({ costBasis }) => decimal(costBasis))),
          sum(all.map(({ realised }) => decimal(realised))),
        );
        const outside = account.balances.find(({ book, kind }) => book === 'outside' && kind === 'currency')?.amount ?? zero;
        expect(add(add(cash, invested), decimal(outside))).toBe(zero);
      }),
      { numRuns: 300 },
    );
  });

  it('a snapshot at any point plus later events equals all events, also for the next decision', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 30 }), fc.array(anything, { maxLength: 10 }), fc.nat(), (acts, next, at) => {
        const live = open();
        const story = lived(acts, live);
        const cut = at % (story.length + 1);
        const state = JSON.stringify(new Account(id).replay(story.slice(0, cut)).toSnapshot());
        const restored = new Account(id);
        restored.restore(JSON.parse(state) as AccountState);
        restored.startAt(cut);
        restored.replay(story.slice(cut));
        const replayed = new Account(id).replay(story);
        expect(restored.toSnapshot()).toEqual(replayed.toSnapshot());
        expect(live.toSnapshot()).toEqual(replayed.toSnapshot());
        expect(lived(next, restored)).toEqual(lived(next, replayed));
        expect(restored.version).toBe(replayed.version);
      }),
    );
  });
});

describe('an order within its limit', () => {
  /** A quantity in parts, each with a price up to the limit. */
  const filled = fc
    .tuple(fc.array(fc.tuple(quantity, fc.double({ min: 0, max: 1, noNaN: true })), { minLength: 1, maxLength: 12 }), price)
    .map(([parts, limit]) => ({
      limit,
      parts: parts.map(([shares, share]) => ({ shares, at: multiply(limit, decimal(Math.max(share, 1e-6).toFixed(4)), 'up') })),
    }));

  it('costs at most what each fill frees, however it is split', () => {
    fc.assert(
      fc.property(filled, ({ limit, parts }) => {
        let left = sum(parts.map(({ shares }) => shares));
        for (const { shares, at } of parts) {
          const before = left;
          left = subtract(before, shares);
          expect(compare(costOf(shares, at), subtract(reservedFor(before, limit), reservedFor(left, limit))) <= 0).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('never overdraws an account that could reserve it, and leaves no reservation once filled', () => {
    fc.assert(
      fc.property(filled, ({ limit, parts }) => {
        const account = open();
        let left = sum(parts.map(({ shares }) => shares));
        const total = left;
        account.deposit(add(reservedFor(total, limit), decimal('0.01')).replace(/(\.\d\d)\d*$/, '$1'));
        account.reserve(reservationFor('o-1', total, limit));
        account.markCommitted();
        for (const [index, { shares, at }] of parts.entries()) {
          left = subtract(left, shares);
          const rest = left === zero ? undefined : reservationFor('o-1', left, limit);
          const each = { ...facts('o-1'), executedAt, executionId: `e-${index}`, quantity: shares, price: at };
          account.replay([account.settling(each, rest)]);
          expect(isNegative(account.available('currency', 'USD'))).toBe(false);
        }
        expect([account.reservations, account.reserved('currency', 'USD')]).toEqual([[], zero]);
        expect(account.available('symbol', 'ACME')).toBe(total);
      }),
    );
  });
});
