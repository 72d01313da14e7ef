import { given } from '@tradecore/event-sourcing/testing';
import {
  AccountAccessGranted,
  AccountAccessRevoked,
  AccountOpened,
  FillReversed,
  FillSettled,
  FundsDeposited,
  FundsWithdrawn,
  ReservationChanged,
  ReservationMade,
  ReservationReleased,
  type AccountEvent,
  type Posting,
  type Reservation,
} from '@tradecore/events';
import { sampleText } from '@tradecore/events/testing';
import { Account, AccountNotFound, InsufficientFunds, InsufficientShares, TooManyOpenOrders, type Settlement } from '../index.ts';
import { InvalidAmount, UnsupportedCurrency } from './account-errors.ts';

const orderId = '0190a6e0-0000-7000-8000-000000000001';
const line =
  (kind: Posting['kind'], unit: string) =>
  (book: Posting['book'], amount: string): Posting => ({ book, kind, unit, amount });
const usd = line('currency', 'USD');
const acme = line('symbol', 'ACME');

const opened = new AccountOpened({ owner: 'ada', currency: 'USD' });
const deposited = new FundsDeposited({ amount: '2000', postings: [usd('outside', '-2000'), usd('available', '2000')] });
/** 10 shares at 101.50: 1,015 and a fee of 0.5075, reserved as 0.51. */
const buy: Reservation = { orderId, symbol: 'ACME', side: 'buy', quantity: '10', unitPrice: '101.5', amount: '1015.51' };
/** The reservation for the other half. */
const halfOfBuy: Reservation = { ...buy, quantity: '5', amount: '507.76' };
const reserved = new ReservationMade({ ...buy, postings: [usd('available', '-1015.51'), usd('reserved', '1015.51')] });
const fill = { orderId, symbol: 'ACME', side: 'buy', executedAt: '2026-11-23T09:00:00Z', price: '101.5' } as const;
const half = { ...fill, executionId: 'e-1', quantity: '5' };
const rest = { ...fill, executionId: 'e-2', quantity: '5' };
/** 5 shares: 507.50 and a fee of 0.25, out of the 507.75 that they free. */
const halfSettled = new FillSettled({
  ...half,
  notional: '507.5',
  fee: '0.25',
  reservation: halfOfBuy,
  postings: [
    usd('reserved', '-507.75'),
    usd('market', '507.5'),
    usd('fees', '0.25'),
    acme('market', '-5'),
    acme('available', '5'),
  ],
});
const restSettled = new FillSettled({
  ...rest,
  notional: '507.5',
  fee: '0.25',
  postings: [
    usd('reserved', '-507.76'),
    usd('market', '507.5'),
    usd('fees', '0.25'),
    usd('available', '0.01'),
    acme('market', '-5'),
    acme('available', '5'),
  ],
});
const holding: AccountEvent[] = [opened, deposited, reserved, halfSettled, restSettled];
const sell: Reservation = { orderId: 'sell-1', symbol: 'ACME', side: 'sell', quantity: '4', unitPrice: '110', amount: '4' };
const sellReserved = new ReservationMade({ ...sell, postings: [acme('available', '-4'), acme('reserved', '4')] });

const accountOf = (...history: AccountEvent[]): Account => new Account(orderId).replay(history);

/** The account after a booked fill. */
const settled = (account: Account, each: Settlement, reservation: Reservation | undefined): Account =>
  account.replay([account.settling(each, reservation)]);

const sorted = (balances: readonly Posting[]): readonly string[] =>
  balances.map(({ book, kind, unit, amount }) => `${book} ${kind} ${unit} ${amount}`).sort();

describe('opening an account', () => {
  it('names its owner and its currency', () =>
    given(Account)
      .when((account) => account.open({ owner: 'ada', currency: 'USD', name: sampleText('0001') }))
      .then(new AccountOpened({ owner: 'ada', currency: 'USD', name: sampleText('0001') })));

  it('changes nothing with the same terms again', () =>
    given(Account, opened)
      .when((account) => account.open({ owner: 'ada', currency: 'USD' }))
      .then());

  it('is a bug with other terms: the caller must check first', () =>
    given(Account, opened)
      .when((account) => account.open({ owner: 'bob', currency: 'USD' }))
      .thenThrows(Error));

  it('is refused in an unsupported currency', () =>
    given(Account)
      .when((account) => account.open({ owner: 'ada', currency: 'EUR' }))
      .thenThrows(UnsupportedCurrency));
});

describe('access', () => {
  const granted = new AccountAccessGranted({ person: 'bob', scopes: ['read', 'trade'] });
  it('is granted once', () =>
    given(Account, opened)
      .when((account) => {
        account.grantAccess('bob');
        account.grantAccess('bob');
        account.grantAccess('ada');
      })
      .then(granted));

  it('is revoked once, and can be granted again', () =>
    given(Account, opened, granted)
      .when((account) => {
        account.revokeAccess('bob');
        account.revokeAccess('bob');
        account.grantAccess('bob');
      })
      .then(new AccountAccessRevoked({ person: 'bob' }), granted));

  it('is refused for an account that was never opened', () =>
    given(Account)
      .when((account) => account.grantAccess('bob'))
      .thenThrows(AccountNotFound));
});

describe('money in and out', () => {
  it('comes in as a double entry', () =>
    given(Account, opened)
      .when((account) => account.deposit('02000.00'))
      .then(deposited));

  it('goes out as a double entry, with its reference', () =>
    given(Account, opened, deposited)
      .when((account) => account.withdraw('2000', sampleText('0001')))
      .then(
        new FundsWithdrawn({
          amount: '2000',
          reference: sampleText('0001'),
          postings: [usd('available', '-2000'), usd('outside', '2000')],
        }),
      ));

  it('cannot be withdrawn while it is reserved, and the figures say why', () => {
    given(Account, opened, deposited, reserved)
      .when((account) => account.withdraw('984.50'))
      .thenThrows(InsufficientFunds);
    const account = new Account(orderId).replay([opened, deposited, reserved]);
    expect(() => account.withdraw('984.5')).toThrow(
      expect.objectContaining({ code: 'insufficient-funds', details: { needed: '984.5', available: '984.49' } }),
    );
    account.withdraw('984.49');
    expect(account.available('currency', 'USD')).toBe('0');
  });

  it.each([
    ['0', 'not-positive'],
    ['-1', 'not-positive'],
    ['1.001', 'not-whole-cents'],
    ['x', 'not-a-decimal'],
    ['1000000000000.01', 'too-large'],
  ])('of %s is refused: %s', (amount, code) => {
    const account = new Account(orderId).replay([opened, deposited]);
    for (const act of [() => account.deposit(amount), () => account.withdraw(amount)]) {
      expect(act).toThrow(InvalidAmount);
      expect(act).toThrow(
        expect.objectContaining({ details: { errors: [expect.objectContaining({ pointer: '#/amount', code })] } }),
      );
    }
    expect(account.uncommittedEvents).toEqual([]);
  });

  it.each<[string, (account: Account) => void]>([
    ['deposit', (account) => account.deposit('1')],
    ['withdrawal', (account) => account.withdraw('1')],
  ])('a %s needs an account', (_name, act) => given(Account).when(act).thenThrows(AccountNotFound));
});

describe('a reservation that a door asks for', () => {
  it('is money for a buy', () =>
    given(Account, opened, deposited)
      .when((account) => account.reserve(buy))
      .then(reserved));

  it('is refused for a buy without enough money, with the figures', () => {
    const another = { ...buy, orderId: 'another' };
    given(Account, opened, deposited, reserved)
      .when((account) => account.reserve(another))
      .thenThrows(InsufficientFunds);
    expect(() => accountOf(opened, deposited, reserved).reserve(another)).toThrow(
      expect.objectContaining({ details: { needed: '1015.51', available: '984.49' } }),
    );
  });

  it('is shares for a sell', () =>
    given(Account, ...holding)
      .when((account) => account.reserve(sell))
      .then(sellReserved));

  it('is refused for a sell without enough shares: there is no shorting', () => {
    const more = { ...sell, orderId: 'sell-2', quantity: '7', amount: '7' };
    given(Account, ...holding, sellReserved)
      .when((account) => account.reserve(more))
      .thenThrows(InsufficientShares);
    expect(() => accountOf(...holding, sellReserved).reserve(more)).toThrow(
      expect.objectContaining({ details: { needed: '7', available: '6' } }),
    );
  });

  it('is refused beyond the maximum of open orders; open orders may change, and one that ends makes room', () => {
    const one = { ...buy, orderId: 'one', quantity: '1', amount: '102' };
    const account = accountOf(opened, deposited, reserved);
    expect(() => account.reserve(one, 1)).toThrow(TooManyOpenOrders);
    expect(account.uncommittedEvents).toEqual([]);
    account.reserve({ ...buy, amount: '1000' }, 1);
    const ended = accountOf(opened, deposited, reserved).reserving(orderId, undefined)!;
    accountOf(opened, deposited, reserved, ended).reserve(one, 1);
  });

  it('can take the last cent and the last share', () => {
    const account = accountOf(...holding, sellReserved);
    account.withdraw('968.99');
    expect(account.available('currency', 'USD')).toBe('15.51');
    account.reserve({ ...buy, orderId: 'last-cent', quantity: '1', unitPrice: '15.5', amount: '15.51' });
    account.reserve({ ...sell, orderId: 'last-share', quantity: '6', amount: '6' });
    expect([account.available('currency', 'USD'), account.available('symbol', 'ACME')]).toEqual(['0', '0']);
  });

  it('is absolute for a replace: only the difference moves and has to be available', () =>
    given(Account, opened, deposited, reserved)
      .when((account) => account.reserve({ ...buy, quantity: '15', amount: '1523.27' }))
      .then(
        new ReservationChanged({
          ...{ ...buy, quantity: '15', amount: '1523.27' },
          postings: [usd('available', '-507.76'), usd('reserved', '507.76')],
        }),
      ));

  it('is refused for a replace if the difference is not available, and stays unchanged', () => {
    const account = accountOf(opened, deposited, reserved);
    const more = { ...buy, quantity: '20', amount: '2031.02' };
    expect(() => account.reserve(more)).toThrow(
      expect.objectContaining({ code: 'insufficient-funds', details: { needed: '1015.51', available: '984.49' } }),
    );
    expect([account.uncommittedEvents, account.reservation(orderId)]).toEqual([[], buy]);
  });

  it('is made in an overdraft too, for a replace that needs no more', () => {
    const account = accountOf(opened, deposited, reserved);
    account.replay([account.settling({ ...half, orderId: 'late', quantity: '50' }, undefined)]);
    expect(account.available('currency', 'USD')).toBe('-4093.04');
    account.reserve({ ...buy, unitPrice: '101.4' });
    account.reserve({ ...buy, quantity: '9', amount: '913.96' });
    expect([account.reserved('currency', 'USD'), account.available('currency', 'USD')]).toEqual(['913.96', '-3991.49']);
  });

  it('is a bug in an account that was never opened: its orders are denied earlier', () =>
    given(Account)
      .when((account) => account.reserve(buy))
      .thenThrows(Error));
});

describe('a reservation by the saga', () => {
  const account = accountOf(opened, deposited, reserved);

  it('stores nothing if exactly that is reserved', () => {
    expect(account.reserving(orderId, buy)).toBeUndefined();
    expect(accountOf(opened).reserving(orderId, undefined)).toBeUndefined();
  });

  it('can change to less, or to another price', () => {
    expect(account.reserving(orderId, halfOfBuy)).toEqual(
      new ReservationChanged({ ...halfOfBuy, postings: [usd('available', '507.75'), usd('reserved', '-507.75')] }),
    );
    expect(account.reserving(orderId, { ...buy, unitPrice: '101.4' })).toEqual(
      new ReservationChanged({ ...buy, unitPrice: '101.4', postings: [] }),
    );
  });

  it('can change to more, whatever is available: the overdraft is visible', () => {
    const more = account.reserving(orderId, { ...buy, quantity: '100', amount: '10155.08' }) as ReservationChanged;
    expect(accountOf(opened, deposited, reserved, more).available('currency', 'USD')).toBe('-8155.08');
  });

  it('is made if there was none', () => {
    expect(accountOf(opened).reserving(orderId, buy)).toEqual(
      new ReservationChanged({ ...buy, postings: [usd('available', '-1015.51'), usd('reserved', '1015.51')] }),
    );
  });

  it('can be released', () => {
    expect(accountOf(opened, deposited, reserved, halfSettled).reserving(orderId, undefined)).toEqual(
      new ReservationReleased({
        orderId,
        amount: '507.76',
        postings: [usd('available', '507.76'), usd('reserved', '-507.76')],
      }),
    );
    expect(accountOf(...holding, sellReserved).reserving('sell-1', undefined)).toEqual(
      new ReservationReleased({ orderId: 'sell-1', amount: '4', postings: [acme('available', '4'), acme('reserved', '-4')] }),
    );
  });
});

describe('a fill', () => {
  it('uses the reservation of its shares and leaves what the order still needs', () =>
    expect(accountOf(opened, deposited, reserved).settling(half, halfOfBuy)).toEqual(halfSettled));

  it('of the last shares leaves no reservation', () => {
    expect(accountOf(opened, deposited, reserved, halfSettled).settling(rest, undefined)).toEqual(restSettled);
    expect(accountOf(...holding).reservations).toEqual([]);
  });

  it('below the limit returns the difference', () => {
    const account = settled(accountOf(opened, deposited, reserved), { ...half, price: '100' }, halfOfBuy);
    expect(account.available('currency', 'USD')).toBe('991.99'); // 984.49 + 507.75 - 500.25
    expect(account.reserved('currency', 'USD')).toBe('507.76');
  });

  it('of a sell brings its proceeds less the fee', () => {
    const fourth = { ...fill, orderId: 'sell-1', side: 'sell', executionId: 'e-3', quantity: '4', price: '110' } as const;
    expect(accountOf(...holding, sellReserved).settling(fourth, undefined)).toEqual(
      new FillSettled({
        ...fourth,
        notional: '440',
        fee: '0.22',
        postings: [
          acme('reserved', '-4'),
          acme('market', '4'),
          usd('market', '-440'),
          usd('fees', '0.22'),
          usd('available', '439.78'),
        ],
      }),
    );
  });

  it('without a reservation is still a fact: the overdraft is visible', () => {
    const account = settled(accountOf(opened), half, undefined);
    expect([account.available('currency', 'USD'), account.available('symbol', 'ACME')]).toEqual(['-507.75', '5']);
  });

  it('of more than was ordered uses the whole reservation, and available pays the rest', () => {
    const account = settled(accountOf(opened, deposited, reserved), { ...half, quantity: '12' }, undefined);
    expect([account.reservations, account.reserved('currency', 'USD')]).toEqual([[], '0']);
    expect(account.available('currency', 'USD')).toBe('781.4'); // 2,000 - 1,218 - 0.60
  });

  it('is booked with the value that the order recorded, if given', () => {
    const { data } = accountOf(opened).settling({ ...half, booked: { notional: '507.5', fee: '0.26' } }, undefined);
    expect([data.notional, data.fee]).toEqual(['507.5', '0.26']);
  });

  it('in an account that was never opened is a bug', () => {
    expect(() => accountOf().settling(half, undefined)).toThrow('was never opened');
  });
});

describe('a reversal', () => {
  const booked = { ...half, booked: { notional: '507.5', fee: '0.25' } };

  it('takes back exactly what was booked, and reserves again what the order needs', () => {
    const reversed = accountOf(opened, deposited, reserved, halfSettled).reversing(booked, buy);
    expect(reversed).toEqual(
      new FillReversed({
        ...half,
        notional: '507.5',
        fee: '0.25',
        reservation: buy,
        postings: [
          usd('reserved', '507.75'),
          usd('market', '-507.5'),
          usd('fees', '-0.25'),
          acme('market', '5'),
          acme('available', '-5'),
        ],
      }),
    );
    const account = accountOf(opened, deposited, reserved, halfSettled, reversed);
    expect(account.toSnapshot()).toMatchObject({ reservations: [buy] });
    expect(sorted(account.balances)).toEqual(sorted(accountOf(opened, deposited, reserved).balances));
  });

  it('of a fill below the limit reserves at the limit: the client may have spent the difference', () => {
    const account = settled(accountOf(opened, deposited, reserved), { ...half, price: '100' }, halfOfBuy);
    account.withdraw('991.99');
    account.markCommitted();
    account.replay([account.reversing({ ...half, price: '100', booked: { notional: '500', fee: '0.25' } }, buy)]);
    expect([account.available('currency', 'USD'), account.reserved('currency', 'USD')]).toEqual(['-7.5', '1015.51']);
  });

  it('of a sell takes its money back, even if it is spent', () => {
    const sold = { ...fill, orderId: 'sell-1', side: 'sell', executionId: 'e-3', quantity: '4', price: '110' } as const;
    const account = settled(accountOf(...holding, sellReserved), sold, undefined);
    account.withdraw('1424.28');
    account.markCommitted();
    account.replay([account.reversing({ ...sold, booked: { notional: '440', fee: '0.22' } }, undefined)]);
    expect([account.available('currency', 'USD'), account.available('symbol', 'ACME')]).toEqual(['-439.78', '10']);
  });

  it('of a buy takes its shares back, even if they were sold', () => {
    const sold = { ...fill, orderId: 'sell-1', side: 'sell', executionId: 'e-3', quantity: '10', price: '110' } as const;
    const account = settled(accountOf(...holding), sold, undefined);
    account.replay([account.reversing(booked, undefined)]);
    expect(account.available('symbol', 'ACME')).toBe('-5');
  });
});

describe('a share with the name of a currency', () => {
  it('is counted separately from the money', () => {
    const account = accountOf(opened, deposited);
    account.reserve({ ...buy, symbol: 'USD' });
    account.markCommitted();
    settled(account, { ...half, symbol: 'USD' }, { ...halfOfBuy, symbol: 'USD' });
    expect(account.available('symbol', 'USD')).toBe('5');
    expect(account.available('currency', 'USD')).toBe('984.49');
    account.reserve({ ...sell, symbol: 'USD' });
    expect(account.reserved('symbol', 'USD')).toBe('4');
    expect(account.reserved('currency', 'USD')).toBe('507.76');
  });
});
