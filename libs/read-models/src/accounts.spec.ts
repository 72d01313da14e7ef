import fc from 'fast-check';
import { freshId, type RecordedEvent } from '@tradecore/events';
import { add, decimal, zero } from '@tradecore/money';
import { fold, foldAppended } from '@tradecore/consumers';
import { givenEvents } from '@tradecore/consumers/testing';
import { Account } from '@tradecore/trading';
import type { ActivityLine } from './accounts.projector.ts';
import { Accounts, Positions, type PositionRow } from './index.ts';
import { historyOf } from '../test/history.ts';

const executedAt = '2026-01-02T03:04:05.000000Z';
const order = (n: number) => `0190a6e0-0000-7000-8000-${String(n).padStart(12, '0')}`;
const execution = (n: number) => `0190a6e0-0000-7000-9000-${String(n).padStart(12, '0')}`;
const opened = () => {
  const account = new Account(order(999));
  account.open({ owner: 'ada', currency: 'USD', name: 'mine' });
  return account;
};
const histories = (decide: (account: Account) => void): RecordedEvent[] => {
  const account = opened();
  decide(account);
  return historyOf('Account', account);
};
const linesOf = (history: readonly RecordedEvent[]) => foldAppended(Accounts, history) as ActivityLine[];
const buy = { symbol: 'ACME', side: 'buy', quantity: '10', unitPrice: '100' } as const;
const fill = { symbol: 'ACME', side: 'buy', quantity: '4', price: '99', executedAt } as const;

describe('the row of an account', () => {
  it('shows its owner, its money, and what orders hold of it', () => {
    const history = histories((account) => {
      account.deposit('10000');
      account.reserve({ ...buy, orderId: order(1) });
    });
    expect(fold(Accounts, history)).toMatchObject({
      accountId: order(999),
      owner: 'ada',
      name: 'mine',
      currency: 'USD',
      available: '8999.5',
      reserved: '1000.5',
      reservations: { [order(1)]: { orderId: order(1), symbol: 'ACME', quantity: '10', unitPrice: '100', amount: '1000.5' } },
      version: 3,
      openedAt: history[0]?.time,
      updatedAt: history[2]?.time,
    });
  });

  it('holds less after a part has traded, and nothing once the rest is released', () => {
    const history = histories((account) => {
      account.deposit('10000');
      account.reserve({ ...buy, orderId: order(1) });
      account.settle({ ...fill, orderId: order(1), executionId: execution(1) });
    });
    expect(fold(Accounts, history)?.reservations[order(1)]).toMatchObject({ quantity: '6', amount: '600.3' });
    const released = histories((account) => {
      account.deposit('10000');
      account.reserve({ ...buy, orderId: order(1) });
      account.settle({ ...fill, orderId: order(1), executionId: execution(1) });
      account.release({ orderId: order(1) });
    });
    expect(fold(Accounts, released)).toMatchObject({ reservations: {}, reserved: '0', available: '9603.81' });
  });

  it('knows who else may use it', () => {
    const history = histories((account) => {
      account.grantAccess('bob');
      account.grantAccess('eve');
      account.revokeAccess('bob');
    });
    expect(fold(Accounts, history)?.subjects).toEqual(['eve']);
    expect(linesOf(history).map(({ kind }) => kind)).toEqual(['opened']);
  });

  it('of an account that was asked for something and never opened has no owner, and no line', () => {
    const account = new Account(order(7));
    account.reserve({ ...buy, orderId: order(1) });
    account.release({ orderId: order(1) });
    const history = historyOf('Account', account);
    expect(fold(Accounts, history)).not.toHaveProperty('owner');
    expect(linesOf(history)).toEqual([]);
  });

  it('is never changed by a fold in place', () =>
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

  it('parks an event that moves another currency', () => {
    const [first, deposit] = histories((account) => account.deposit('5')) as [RecordedEvent, RecordedEvent];
    const yen = {
      ...deposit,
      data: { ...deposit.data, postings: [{ book: 'available', kind: 'currency', unit: 'JPY', amount: '5' }] },
    };
    expect(() => fold(Accounts, [first, yen])).toThrow('JPY moves in an account of USD');
  });
});

describe('a line of the ledger', () => {
  it('tells a trade with its figures, its order and its fee', () => {
    const [, , , line] = linesOf(
      histories((account) => {
        account.deposit('10000');
        account.reserve({ ...buy, orderId: order(1) });
        account.settle({ ...fill, orderId: order(1), executionId: execution(1) });
      }),
    );
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

  it('is not written for an answer that moved nothing', () => {
    const history = histories((account) => {
      account.reserve({ ...buy, orderId: order(1) });
      account.release({ orderId: order(1) });
    });
    expect(history).toHaveLength(3);
    expect(linesOf(history).map(({ kind }) => kind)).toEqual(['opened']);
  });
});

describe('whatever happens to an account', () => {
  type Wish = {
    readonly what: 'deposit' | 'withdraw' | 'reserve' | 'settle' | 'release' | 'sell';
    readonly order: number;
    readonly n: number;
  };
  const requests = fc.array(
    fc.record<Wish>({
      what: fc.constantFrom('deposit', 'withdraw', 'reserve', 'settle', 'release', 'sell'),
      order: fc.integer({ min: 1, max: 4 }),
      n: fc.integer({ min: 1, max: 30 }),
    }),
    { maxLength: 60 },
  );
  const request = (account: Account, { what, order: id, n }: Wish, index: number): void => {
    const orderId = order(id);
    const symbol = id % 2 === 0 ? 'ACME' : 'BRK.B';
    const side = what === 'sell' ? 'sell' : 'buy';
    const acts = {
      deposit: () => account.deposit(String(n * 100)),
      withdraw: () => account.withdraw(String(n)),
      reserve: () => account.reserve({ orderId, symbol, side: 'buy', quantity: String(n), unitPrice: '20' }),
      settle: () =>
        account.settle({ orderId, symbol, side, quantity: String(n), price: '19.99', executedAt, executionId: execution(index) }),
      sell: () =>
        account.settle({
          orderId: freshId(),
          symbol,
          side,
          quantity: String(n),
          price: '21',
          executedAt,
          executionId: execution(index),
        }),
      release: () => account.release({ orderId }),
    };
    try {
      acts[what]();
    } catch {
      // refused: nothing was decided
    }
  };

  it('the running balance is the sum of what moved, the row is where the ledger ends, and both are what the account itself says', () =>
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

  it('positions are the signed sum of the fills', () =>
    fc.assert(
      fc.property(requests, (all) => {
        const account = opened();
        all.forEach((each, index) => request(account, each, index));
        const history = historyOf('Account', account);
        const projector = new Positions();
        const fills = history.filter(({ type }) => type === 'FillSettled');
        for (const [key, own] of Map.groupBy(fills, (event) => projector.key(event))) {
          const row = fold(Positions, own) as PositionRow;
          const signed = own.reduce((sum, { data }) => {
            const { side, quantity } = data as { side: string; quantity: string };
            return add(sum, decimal(side === 'buy' ? quantity : `-${quantity}`));
          }, zero);
          expect([row.holding, row.quantity, row.version]).toEqual([key, signed, own.at(-1)?.aggregateVersion]);
        }
      }),
      { numRuns: 100 },
    ));
});
