import fc from 'fast-check';
import { catalogue, freshId, type AccountEvent, type RecordedEvent, type Reservation } from '@tradecore/events';
import { sampleText } from '@tradecore/events/testing';
import { add, decimal, subtract, zero } from '@tradecore/money';
import { fold } from '@tradecore/consumers';
import { foldHistory, givenEvents } from '@tradecore/consumers/testing';
import { Account, type Settlement } from '@tradecore/trading';
import type { ActivityLine } from './accounts.projector.ts';
import { Accounts, Positions, type PositionRow } from './index.ts';
import { historyOf } from '../test/history.ts';

const executedAt = '2026-01-02T03:04:05.000000Z';
const order = (n: number) => `0190a6e0-0000-7000-8000-${String(n).padStart(12, '0')}`;
const execution = (n: number) => `0190a6e0-0000-7000-9000-${String(n).padStart(12, '0')}`;
/** An account that also applies the saga's decisions. */
class BookedAccount extends Account {
  book(event: AccountEvent | undefined): void {
    if (event) this.apply(event);
  }
}
const opened = () => {
  const account = new BookedAccount(order(999));
  account.open({ owner: 'ada', currency: 'USD', name: sampleText('0001') });
  return account;
};
const histories = (decide: (account: BookedAccount) => void): RecordedEvent[] => {
  const account = opened();
  decide(account);
  return historyOf('Account', account);
};
const linesOf = (history: readonly RecordedEvent[]) => foldHistory(Accounts, catalogue, history).lines as ActivityLine[];
const buy: Reservation = { orderId: order(1), symbol: 'ACME', side: 'buy', quantity: '10', unitPrice: '100', amount: '1000.5' };
const rest: Reservation = { ...buy, quantity: '6', amount: '600.3' };
const fill: Settlement = {
  ...{ orderId: order(1), executionId: execution(1), symbol: 'ACME', side: 'buy' },
  ...{ quantity: '4', price: '99', executedAt },
};
const trade = (account: BookedAccount) => {
  account.deposit('10000');
  account.reserve(buy);
  account.book(account.settling(fill, rest));
};

describe('the row of an account', () => {
  it('shows its owner, its money, and what orders reserve of it', () => {
    const history = histories((account) => {
      account.deposit('10000');
      account.reserve(buy);
    });
    expect(fold(Accounts, history)).toMatchObject({
      accountId: order(999),
      owner: 'ada',
      name: sampleText('0001'),
      currency: 'USD',
      available: '8999.5',
      reserved: '1000.5',
      reservations: { [order(1)]: { orderId: order(1), symbol: 'ACME', quantity: '10', unitPrice: '100', amount: '1000.5' } },
      version: 3,
      openedAt: history[0]?.time,
      updatedAt: history[2]?.time,
    });
  });

  it('reserves less after a partial fill, and nothing once the rest is released', () => {
    expect(fold(Accounts, histories(trade))?.reservations[order(1)]).toMatchObject({ quantity: '6', amount: '600.3' });
    const released = histories((account) => {
      trade(account);
      account.book(account.reserving(order(1), undefined));
    });
    expect(fold(Accounts, released)).toMatchObject({ reservations: {}, reserved: '0', available: '9603.81' });
  });

  it('restores money and reservation when a trade is reversed', () => {
    const row = fold(
      Accounts,
      histories((account) => {
        trade(account);
        account.book(account.reversing(fill, buy));
      }),
    );
    expect(row).toMatchObject({ available: '8999.5', reserved: '1000.5', reservations: { [order(1)]: { amount: '1000.5' } } });
  });

  it('lists who else may use it', () => {
    const history = histories((account) => {
      account.grantAccess('bob');
      account.grantAccess('eve');
      account.revokeAccess('bob');
    });
    expect(fold(Accounts, history)?.granted).toEqual(['eve']);
    expect(linesOf(history).map(({ kind }) => kind)).toEqual(['opened']);
  });

  it('is never created by an event of an account that was not opened', () => {
    const [, deposit] = histories((account) => account.deposit('5'));
    expect(() => fold(Accounts, [deposit!])).toThrow('never opened');
  });

  it('is never changed in place by a fold', () =>
    givenEvents(
      Accounts,
      ...histories((account) => {
        account.deposit('5');
        account.grantAccess('bob');
      }),
    ).thenRow(
      fold(
        Accounts,
        histories((account) => {
          account.deposit('5');
          account.grantAccess('bob');
        }),
      )!,
    ));

  it('parks an event in another currency', () => {
    const [first, deposit] = histories((account) => account.deposit('5')) as [RecordedEvent, RecordedEvent];
    const yen = {
      ...deposit,
      data: { ...deposit.data, postings: [{ book: 'available', kind: 'currency', unit: 'JPY', amount: '5' }] },
    };
    expect(() => fold(Accounts, [first, yen])).toThrow('JPY can not move in an account of USD');
  });
});

describe('a line of the ledger', () => {
  it('shows a trade with its figures, order and fee', () => {
    const [, , , line] = linesOf(histories(trade));
    expect(line).toMatchObject({
      kind: 'fill',
      orderId: order(1),
      executionId: execution(1),
      symbol: 'ACME',
      side: 'buy',
      quantity: '4',
      price: '99',
      notional: '396',
      fee: '0.19',
      availableChange: '4.01',
      reservedChange: '-400.2',
      available: '9003.51',
      reserved: '600.3',
    });
  });

  it('for a reversal shows the same figures, and what moved back', () => {
    const lines = linesOf(
      histories((account) => {
        trade(account);
        account.book(account.reversing(fill, buy));
      }),
    );
    expect(lines.map(({ kind }) => kind)).toEqual(['opened', 'deposit', 'reservation', 'fill', 'reversal']);
    expect(lines.at(-1)).toMatchObject({
      ...{ executionId: execution(1), quantity: '4', price: '99', notional: '396', fee: '0.19' },
      ...{ availableChange: '-4.01', reservedChange: '400.2', available: '8999.5', reserved: '1000.5' },
    });
  });

  it('is not written where nothing moved', () => {
    const history = histories((account) => {
      account.deposit('10000');
      account.reserve(buy);
      account.book(account.reserving(order(1), { ...buy, unitPrice: '101' }));
    });
    expect(history).toHaveLength(4);
    expect(linesOf(history).map(({ kind }) => kind)).toEqual(['opened', 'deposit', 'reservation']);
  });
});

describe('whatever happens to an account', () => {
  type Wish = {
    readonly what: 'deposit' | 'withdraw' | 'reserve' | 'settle' | 'release' | 'sell' | 'reverse';
    readonly order: number;
    readonly n: number;
  };
  const requests = fc.array(
    fc.record<Wish>({
      what: fc.constantFrom('deposit', 'withdraw', 'reserve', 'settle', 'release', 'sell', 'reverse'),
      order: fc.integer({ min: 1, max: 4 }),
      n: fc.integer({ min: 1, max: 30 }),
    }),
    { maxLength: 60 },
  );
  const request = (account: BookedAccount, { what, order: id, n }: Wish, index: number): void => {
    const orderId = order(id);
    const symbol = id % 2 === 0 ? 'ACME' : 'BRK.B';
    const side = what === 'sell' ? 'sell' : 'buy';
    const traded: Settlement = {
      ...{ orderId, symbol, side, quantity: String(n), price: '19.99', executedAt, executionId: execution(index) },
    };
    const wanted: Reservation = { orderId, symbol, side: 'buy', quantity: String(n), unitPrice: '20', amount: String(20 * n) };
    const acts = {
      deposit: () => account.deposit(String(n * 100)),
      withdraw: () => account.withdraw(String(n)),
      reserve: () => account.reserve(wanted),
      settle: () => account.book(account.settling(traded, account.reservation(orderId) && wanted)),
      sell: () => account.book(account.settling({ ...traded, orderId: freshId(), price: '21' }, undefined)),
      reverse: () => account.book(account.reversing(traded, account.reservation(orderId))),
      release: () => account.book(account.reserving(orderId, undefined)),
    };
    try {
      acts[what]();
    } catch {
      // refused: nothing was decided
    }
  };

  it('the running balance is the sum of the movements, the row matches the end of the ledger, and both match the account', () =>
    fc.assert(
      fc.property(requests, (all) => {
        const account = opened();
        all.forEach((each, index) => request(account, each, index));
        const history = historyOf('Account', account);
        let [available, reserved] = [zero, zero];
        for (const line of linesOf(history)) {
          available = add(available, decimal(line.availableChange));
          reserved = add(reserved, decimal(line.reservedChange));
          expect([line.available, line.reserved]).toEqual([available, reserved]);
        }
        const row = fold(Accounts, history);
        expect([row?.available, row?.reserved]).toEqual([available, reserved]);
        expect(row?.available).toBe(account.available('currency', 'USD'));
        expect(row?.reserved).toBe(account.reserved('currency', 'USD'));
        expect(Object.keys(row?.reservations ?? {}).toSorted()).toEqual(
          account.reservations.map(({ orderId }) => orderId).toSorted(),
        );
      }),
      { numRuns: 100 },
    ));

  it('positions are the signed sum of the fills, and cash plus their cost less what they earned equals what was paid in', () =>
    fc.assert(
      fc.property(requests, (all) => {
        const account = opened();
        all.forEach((each, index) => request(account, each, index));
        const history = historyOf('Account', account);
        const projector = new Positions();
        const trades = history.filter(({ type }) => type === 'FillSettled' || type === 'FillReversed');
        let invested = zero;
        for (const [key, own] of Map.groupBy(trades, (event) => projector.key(event))) {
          const row = fold(Positions, own) as PositionRow;
          const signed = own.reduce((sum, { type, data }) => {
            const { side, quantity } = data as { side: string; quantity: string };
            const comesIn = (side === 'buy') === (type === 'FillSettled');
            return add(sum, decimal(comesIn ? quantity : `-${quantity}`));
          }, zero);
          expect([row.holding, row.quantity, row.version]).toEqual([key, signed, own.at(-1)?.aggregateVersion]);
          invested = add(invested, subtract(decimal(row.costBasis), decimal(row.realised)));
        }
        const cash = add(account.available('currency', 'USD'), account.reserved('currency', 'USD'));
        const paidIn = account.balances.find(({ book }) => book === 'outside')?.amount ?? '0';
        expect(add(cash, invested)).toBe(subtract(zero, decimal(paidIn)));
      }),
      { numRuns: 100 },
    ));
});
