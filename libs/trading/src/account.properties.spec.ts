import fc from 'fast-check';
import type { AccountEvent, FillSettled, Posting } from '@tradecore/events';
import { add, compare, decimal, isNegative, multiply, subtract, sum, zero, type Decimal } from '@tradecore/money';
import { Account, costOf, InsufficientFunds, noPosition, positionAfter, reservedFor, type Position } from './index.ts';
import { neededFor } from './account-entries.ts';

const id = '0190a6e0-0000-7000-8000-000000000001';
const orders = ['o-1', 'o-2', 'o-3', 'o-4'] as const;
const sides = { 'o-1': 'buy', 'o-2': 'sell', 'o-3': 'buy', 'o-4': 'sell' } as const;
const symbols = { 'o-1': 'ACME', 'o-2': 'ACME', 'o-3': 'GLOBEX', 'o-4': 'GLOBEX' } as const;

/** Shares with up to 9 places, prices with up to 4: what crypto sizes and sub-penny prices bring. */
const quantity = fc.oneof(
  fc.integer({ min: 1, max: 50 }).map((value) => decimal(String(value))),
  fc.integer({ min: 1, max: 5_000_000 }).map((value) => decimal((value / 1e6).toFixed(9))),
);
const price = fc.integer({ min: 1, max: 2_000_000 }).map((value) => decimal((value / 1e4).toFixed(4)));
const cents = fc.integer({ min: 1, max: 1_000_000 }).map((value) => decimal((value / 100).toFixed(2)));
const order = fc.constantFrom(...orders);

type Act = (account: Account) => void;
const facts = (orderId: (typeof orders)[number]) => ({ orderId, symbol: symbols[orderId], side: sides[orderId] });
const execution = { executedAt: '2026-11-23T09:00:00Z' };

/** Everything that can be asked of an account, in any order: the saga would not, but nothing may depend on that. */
const anything: fc.Arbitrary<Act> = fc.oneof(
  cents.map(
    (amount): Act =>
      (account) =>
        account.deposit(amount),
  ),
  cents.map(
    (amount): Act =>
      (account) =>
        account.withdraw(amount),
  ),
  fc.tuple(order, quantity, price).map(
    ([each, shares, unitPrice]): Act =>
      (account) =>
        account.reserve({ ...facts(each), quantity: shares, unitPrice }),
  ),
  fc.tuple(order, quantity, price).map(
    ([orderId, shares, unitPrice]): Act =>
      (account) =>
        account.changeReservation({ orderId, quantity: shares, unitPrice }),
  ),
  fc.tuple(order, quantity, price, fc.nat(40)).map(
    ([each, shares, at, n]): Act =>
      (account) =>
        account.settle({ ...facts(each), ...execution, executionId: `e-${n}`, quantity: shares, price: at }),
  ),
  order.map(
    (orderId): Act =>
      (account) =>
        account.release({ orderId }),
  ),
);

/** Runs the acts on an opened account; a withdrawal that is refused leaves no trace. */
function lived(acts: readonly Act[], from = new Account(id)): Account {
  from.open({ owner: 'ada', currency: 'USD' });
  for (const act of acts) {
    try {
      act(from);
    } catch (error) {
      if (!(error instanceof InsufficientFunds)) throw error;
    }
  }
  return from;
}

const history = (account: Account) => account.uncommittedEvents as readonly AccountEvent[];
const postingsOf = ({ data }: AccountEvent): readonly Posting[] => ('postings' in data ? data.postings : []);

function perUnit(postings: readonly Posting[]): Map<string, Decimal> {
  const sums = new Map<string, Decimal>();
  for (const { kind, unit, amount } of postings)
    sums.set(`${kind} ${unit}`, add(sums.get(`${kind} ${unit}`) ?? zero, decimal(amount)));
  return sums;
}
const balanced = (postings: readonly Posting[]) =>
  expect([...perUnit(postings).values()].every((total) => total === zero)).toBe(true);

describe('whatever happens to an account', () => {
  it('each entry sums to zero for each unit, and so do all books', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 40 }), (acts) => {
        const account = lived(acts);
        for (const event of history(account)) balanced(postingsOf(event));
        balanced(account.balances);
      }),
    );
  });

  it('what is reserved is what the open shares of its orders need: no more, no less', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 40 }), (acts) => {
        const account = lived(acts);
        const held = account.reservations;
        for (const reservation of held) expect(reservation.amount).toBe(neededFor(reservation));
        const of = (side: string, symbol?: string) =>
          sum(
            held
              .filter((each) => each.side === side && (symbol ?? each.symbol) === each.symbol)
              .map(({ amount }) => decimal(amount)),
          );
        expect(account.reserved('currency', 'USD')).toBe(of('buy'));
        for (const symbol of ['ACME', 'GLOBEX']) expect(account.reserved('symbol', symbol)).toBe(of('sell', symbol));
      }),
    );
  });

  it('every command of the saga is answered by an event', () => {
    fc.assert(
      fc.property(fc.array(anything, { minLength: 1, maxLength: 20 }), (acts) => {
        const account = new Account(id);
        account.open({ owner: 'ada', currency: 'USD' });
        account.deposit('1000000000');
        for (const act of acts) {
          const before = account.version;
          act(account);
          expect(account.version).toBe(before + 1);
        }
      }),
    );
  });

  it('shares are the signed fills; cash and the cost of positions less what was realised are what was paid in', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 40 }), (acts) => {
        const account = lived(acts);
        const positions = new Map<string, Position>();
        for (const event of history(account)) {
          if (event.type !== 'FillSettled') continue;
          const { data } = event as FillSettled;
          positions.set(data.symbol, positionAfter(positions.get(data.symbol) ?? noPosition, data));
        }
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
    );
  });

  it('a snapshot at any point and the events since are the same as all events, also in what is decided next', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 30 }), fc.array(anything, { maxLength: 10 }), fc.nat(), (acts, next, at) => {
        const story = [...history(lived(acts))];
        const cut = at % (story.length + 1);
        const state = JSON.parse(JSON.stringify(new Account(id).replay(story.slice(0, cut)).toSnapshot())) as ReturnType<
          Account['toSnapshot']
        >;
        const restored = new Account(id);
        restored.restore(state);
        restored.startAt(cut);
        restored.replay(story.slice(cut));
        const replayed = new Account(id).replay(story);
        expect(restored.toSnapshot()).toEqual(replayed.toSnapshot());
        const [one, other] = [lived(next, restored), lived(next, replayed)];
        expect(one.uncommittedEvents).toEqual(other.uncommittedEvents);
        expect(one.version).toBe(other.version);
      }),
    );
  });
});

describe('an order within its limit', () => {
  /** A quantity in parts, and for each a price up to the limit. */
  const filled = fc
    .tuple(fc.array(fc.tuple(quantity, fc.double({ min: 0, max: 1, noNaN: true })), { minLength: 1, maxLength: 12 }), price)
    .map(([parts, limit]) => ({
      limit,
      parts: parts.map(([shares, share]) => ({ shares, at: multiply(limit, decimal(Math.max(share, 1e-6).toFixed(4)), 'up') })),
    }));

  it('costs each time at most what the fill frees, however it is split', () => {
    fc.assert(
      fc.property(filled, ({ limit, parts }) => {
        let open = sum(parts.map(({ shares }) => shares));
        for (const { shares, at } of parts) {
          const left = subtract(open, shares);
          const freed = subtract(reservedFor(open, limit), reservedFor(left, limit));
          expect(compare(costOf(shares, at), freed) <= 0).toBe(true);
          open = left;
        }
      }),
      { numRuns: 500 },
    );
  });

  it('never overdraws an account that could reserve it, and leaves nothing held when it is filled', () => {
    fc.assert(
      fc.property(filled, ({ limit, parts }) => {
        const account = new Account(id);
        account.open({ owner: 'ada', currency: 'USD' });
        const total = sum(parts.map(({ shares }) => shares));
        const needed = reservedFor(total, limit);
        account.deposit(add(needed, decimal('0.01')).replace(/(\.\d\d)\d*$/, '$1'));
        account.reserve({ ...facts('o-1'), quantity: total, unitPrice: limit });
        fc.pre(account.reservations.length === 1);
        for (const [index, { shares, at }] of parts.entries()) {
          account.settle({ ...facts('o-1'), ...execution, executionId: `e-${index}`, quantity: shares, price: at });
          expect(isNegative(account.available('currency', 'USD'))).toBe(false);
        }
        expect(account.reservations).toEqual([]);
        expect(account.reserved('currency', 'USD')).toBe(zero);
        expect(account.available('symbol', 'ACME')).toBe(total);
      }),
    );
  });
});
