import { given } from '@tradecore/event-sourcing/testing';
import {
  AccountAccessGranted,
  AccountAccessRevoked,
  AccountOpened,
  FillAlreadySettled,
  FillSettled,
  FundsDeposited,
  FundsWithdrawn,
  ReservationChanged,
  ReservationChangeRefused,
  ReservationMade,
  ReservationRefused,
  ReservationReleased,
  type AccountEvent,
  type Posting,
  type Reservation,
} from '@tradecore/events';
import {
  Account,
  AccountAlreadyOpened,
  AccountNotFound,
  InsufficientFunds,
  InvalidAmount,
  UnsupportedCurrency,
} from './index.ts';

const orderId = '0190a6e0-0000-7000-8000-000000000001';
const line =
  (kind: Posting['kind'], unit: string) =>
  (book: Posting['book'], amount: string): Posting => ({ book, kind, unit, amount });
const usd = line('currency', 'USD');
const acme = line('symbol', 'ACME');

const opened = new AccountOpened({ owner: 'ada', currency: 'USD' });
const deposited = new FundsDeposited({ amount: '2000', postings: [usd('outside', '-2000'), usd('available', '2000')] });
/** 10 shares at 101.50: 1,015 and a fee of 0.5075, held as 0.51. */
const buy: Reservation = { orderId, symbol: 'ACME', side: 'buy', quantity: '10', unitPrice: '101.5', amount: '1015.51' };
const { amount: _amount, ...buyTerms } = buy;
const reserved = new ReservationMade({ ...buy, postings: [usd('available', '-1015.51'), usd('reserved', '1015.51')] });
const fill = { orderId, symbol: 'ACME', side: 'buy', executedAt: '2026-11-23T09:00:00Z', price: '101.5' } as const;
const half = { ...fill, executionId: 'e-1', quantity: '5' };
const rest = { ...fill, executionId: 'e-2', quantity: '5' };
/** 5 shares: 507.50 and 0.25 of fee, of the 507.75 that they free. */
const halfSettled = new FillSettled({
  ...half,
  notional: '507.5',
  fee: '0.25',
  reservation: { ...buy, quantity: '5', amount: '507.76' },
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
const { amount: _shares, ...sellTerms } = sell;
const sellReserved = new ReservationMade({ ...sell, postings: [acme('available', '-4'), acme('reserved', '4')] });

describe('opening an account', () => {
  it('names its owner and its currency', () =>
    given(Account)
      .when((account) => account.open({ owner: 'ada', currency: 'USD', name: 'Pension' }))
      .then(new AccountOpened({ owner: 'ada', currency: 'USD', name: 'Pension' })));

  it('again with the same terms changes nothing', () =>
    given(Account, opened)
      .when((account) => account.open({ owner: 'ada', currency: 'USD' }))
      .then());

  it('again with other terms is refused', () =>
    given(Account, opened)
      .when((account) => account.open({ owner: 'ada', currency: 'USD', name: 'Other' }))
      .thenThrows(AccountAlreadyOpened));

  it('in a currency in which nothing is quoted is refused', () =>
    given(Account)
      .when((account) => account.open({ owner: 'ada', currency: 'EUR' }))
      .thenThrows(UnsupportedCurrency));
});

describe('access', () => {
  const granted = new AccountAccessGranted({ subject: 'bob' });
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
      .then(new AccountAccessRevoked({ subject: 'bob' }), granted));

  it('to an account that is not there is not given', () =>
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
      .when((account) => account.withdraw('2000', 'rent'))
      .then(
        new FundsWithdrawn({
          amount: '2000',
          reference: 'rent',
          postings: [usd('available', '-2000'), usd('outside', '2000')],
        }),
      ));

  it('that is reserved does not go out, and the figures say why', () => {
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

describe('a reservation', () => {
  it('for a buy holds the money and the fee', () =>
    given(Account, opened, deposited)
      .when((account) => account.reserve(buyTerms))
      .then(reserved));

  it('for a buy is refused by an event when the money is not there', () =>
    given(Account, opened, deposited, reserved)
      .when((account) => account.reserve({ ...buyTerms, orderId: 'another' }))
      .then(
        new ReservationRefused({ orderId: 'another', reason: 'insufficient-funds', needed: '1015.51', available: '984.49' }),
      ));

  it('for a sell holds the shares', () =>
    given(Account, ...holding)
      .when((account) => account.reserve(sellTerms))
      .then(sellReserved));

  it('for a sell is refused by an event when the shares are not there: there is no shorting', () =>
    given(Account, ...holding, sellReserved)
      .when((account) => account.reserve({ ...sellTerms, orderId: 'sell-2', quantity: '7' }))
      .then(new ReservationRefused({ orderId: 'sell-2', reason: 'insufficient-shares', needed: '7', available: '6' })));

  it('takes the last cent and the last share', () => {
    const account = new Account(orderId).replay([...holding, sellReserved]);
    account.withdraw('968.99');
    expect(account.available('currency', 'USD')).toBe('15.51');
    account.reserve({ ...buyTerms, orderId: 'last-cent', quantity: '1', unitPrice: '15.5' });
    account.reserve({ ...sellTerms, orderId: 'last-share', quantity: '6' });
    expect(account.uncommittedEvents.slice(1).map(({ type }) => type)).toEqual(['ReservationMade', 'ReservationMade']);
    expect([account.available('currency', 'USD'), account.available('symbol', 'ACME')]).toEqual(['0', '0']);
  });

  it('that is there is the answer to who asks again', () =>
    given(Account, opened, deposited, reserved, halfSettled)
      .when((account) => account.reserve(buyTerms))
      .then(new ReservationMade({ ...buy, quantity: '5', amount: '507.76', postings: [] })));

  it('in an account that was never opened is refused', () =>
    given(Account)
      .when((account) => account.reserve(buyTerms))
      .then(new ReservationRefused({ orderId, reason: 'insufficient-funds', needed: '1015.51', available: '0' })));
});

describe('a changed reservation', () => {
  it('holds more, or less', () =>
    given(Account, opened, deposited, reserved)
      .when((account) => {
        account.changeReservation({ orderId, quantity: '15', unitPrice: '101.5' });
        account.changeReservation({ orderId, quantity: '15', unitPrice: '100' });
      })
      .then(
        new ReservationChanged({
          ...{ ...buy, quantity: '15', amount: '1523.27' },
          postings: [usd('available', '-507.76'), usd('reserved', '507.76')],
        }),
        new ReservationChanged({
          ...{ ...buy, quantity: '15', unitPrice: '100', amount: '1500.75' },
          postings: [usd('available', '22.52'), usd('reserved', '-22.52')],
        }),
      ));

  it('is refused where the rest is not there, and stays as it was', () =>
    given(Account, opened, deposited, reserved)
      .when((account) => account.changeReservation({ orderId, quantity: '20', unitPrice: '101.5' }))
      .then(new ReservationChangeRefused({ orderId, reason: 'insufficient-funds', needed: '1015.51', available: '984.49' })));

  it('of shares is refused where they are not there', () =>
    given(Account, ...holding, sellReserved)
      .when((account) => account.changeReservation({ orderId: 'sell-1', quantity: '11', unitPrice: '110' }))
      .then(new ReservationChangeRefused({ orderId: 'sell-1', reason: 'insufficient-shares', needed: '7', available: '6' })));

  it('may always hold less, in an overdraft too', () => {
    const account = new Account(orderId).replay([opened, deposited, reserved]);
    account.settle({ ...half, orderId: 'late', quantity: '50' });
    expect(account.available('currency', 'USD')).toBe('-4093.04');
    account.changeReservation({ orderId, quantity: '9', unitPrice: '101.5' });
    expect(account.reserved('currency', 'USD')).toBe('913.96');
    expect(account.available('currency', 'USD')).toBe('-3991.49');
  });

  it('needs one to change', () =>
    given(Account, opened, deposited)
      .when((account) => account.changeReservation({ orderId, quantity: '1', unitPrice: '1' }))
      .then(new ReservationChangeRefused({ orderId, reason: 'no-reservation', needed: '1', available: '0' })));

  it('to nothing is none', () => {
    const account = new Account(orderId).replay([opened, deposited, reserved]);
    account.changeReservation({ orderId, quantity: '0', unitPrice: '101.5' });
    expect(account.reservations).toEqual([]);
    expect(account.available('currency', 'USD')).toBe('2000');
  });
});

describe('a settled fill', () => {
  it('uses what is held for its shares and leaves the rest held', () =>
    given(Account, opened, deposited, reserved)
      .when((account) => account.settle(half))
      .then(halfSettled));

  it('of the last shares leaves nothing held', () =>
    given(Account, opened, deposited, reserved, halfSettled)
      .when((account) => account.settle(rest))
      .then(restSettled));

  it('below the limit gives back what it did not cost', () => {
    const account = new Account(orderId).replay([opened, deposited, reserved]);
    account.settle({ ...half, price: '100' });
    expect(account.available('currency', 'USD')).toBe('991.99'); // 984.49 + 507.75 - 500.25
    expect(account.reserved('currency', 'USD')).toBe('507.76');
  });

  it('of a sell brings its money less the fee', () =>
    given(Account, ...holding, sellReserved)
      .when((account) =>
        account.settle({ ...fill, orderId: 'sell-1', side: 'sell', executionId: 'e-3', quantity: '4', price: '110' }),
      )
      .then(
        new FillSettled({
          ...{ ...fill, orderId: 'sell-1', side: 'sell', executionId: 'e-3', quantity: '4', price: '110' },
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
      ));

  it('at the old price, while the account holds for more shares at a lower one, may take more than is held for its shares', () => {
    const account = new Account('0190a6e0-0000-7000-8000-00000000acc0');
    account.open({ owner: 'ada', currency: 'USD' });
    account.deposit('1045.53'); // 11 shares at 95: 1,045 and a fee of 0.53, more than the 1,015.51 of 10 at 101.50
    account.reserve(buyTerms);
    account.changeReservation({ orderId, quantity: '11', unitPrice: '95' });
    account.settle({ ...fill, executionId: 'e-1', quantity: '10' });
    expect([account.available('currency', 'USD'), account.reserved('currency', 'USD')]).toEqual(['-65.02', '95.05']);
  });

  it('without a reservation is a fact all the same: the overdraft is visible', () => {
    const account = new Account(orderId).replay([opened]);
    account.settle(half);
    expect(account.available('currency', 'USD')).toBe('-507.75');
    expect(account.available('symbol', 'ACME')).toBe('5');
  });

  it('of more than was ordered uses all that is held, and available pays the rest', () => {
    const account = new Account(orderId).replay([opened, deposited, reserved]);
    account.settle({ ...half, quantity: '12' });
    expect(account.reservations).toEqual([]);
    expect(account.reserved('currency', 'USD')).toBe('0');
    expect(account.available('currency', 'USD')).toBe('781.4'); // 2,000 - 1,218 - 0.60
  });

  it('after the release is taken from what is available', () => {
    const account = new Account(orderId).replay([opened, deposited, reserved]);
    account.release({ orderId });
    account.settle(half);
    expect(account.available('currency', 'USD')).toBe('1492.25');
  });

  it('that was booked against the open reservation is not booked again', () =>
    given(Account, opened, deposited, reserved, halfSettled)
      .when((account) => account.settle(half))
      .then(new FillAlreadySettled({ orderId, executionId: 'e-1' })));

  it('of an account that was never opened is a bug', () =>
    given(Account)
      .when((account) => account.settle(half))
      .thenThrows(Error));
});

describe('a release', () => {
  it('frees what is still held', () =>
    given(Account, opened, deposited, reserved, halfSettled)
      .when((account) => account.release({ orderId }))
      .then(
        new ReservationReleased({
          orderId,
          amount: '507.76',
          postings: [usd('reserved', '-507.76'), usd('available', '507.76')],
        }),
      ));

  it('frees shares', () =>
    given(Account, ...holding, sellReserved)
      .when((account) => account.release({ orderId: 'sell-1' }))
      .then(
        new ReservationReleased({ orderId: 'sell-1', amount: '4', postings: [acme('reserved', '-4'), acme('available', '4')] }),
      ));

  it('of nothing is answered too', () =>
    given(Account, opened)
      .when((account) => account.release({ orderId }))
      .then(new ReservationReleased({ orderId, amount: '0', postings: [] })));
});

describe('a share that is called like a currency', () => {
  it('is counted apart from the money', () => {
    const account = new Account(orderId).replay([opened, deposited]);
    account.reserve({ ...buyTerms, symbol: 'USD' });
    account.settle({ ...half, symbol: 'USD' });
    expect(account.available('symbol', 'USD')).toBe('5');
    expect(account.available('currency', 'USD')).toBe('984.49');
    account.reserve({ ...sellTerms, symbol: 'USD' });
    expect(account.reserved('symbol', 'USD')).toBe('4');
    expect(account.reserved('currency', 'USD')).toBe('507.76');
  });
});
