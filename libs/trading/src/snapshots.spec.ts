import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { catalogue, type AccountEvent, type OrderEvent } from '@tradecore/events';
import { orderSamples, sampleTerms, sampleText } from '@tradecore/events/testing';
import { change, changeOf, execution } from '../test/order-in.ts';
import { Account, Order } from './index.ts';
import { reservedFor } from './account/fees.ts';
import { decimal } from '@tradecore/money';

const accountId = '0190a6e0-0000-7000-8000-000000000001';
const ada = '0190a6e0-0000-4000-8000-00000000ada0';
const bob = '0190a6e0-0000-4000-8000-00000000b0b0';
const eve = '0190a6e0-0000-4000-8000-00000000e0e0';
const orderId = '0190a6e0-0000-7000-8000-0000000000a1';
const asJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
const typesOf = (history: readonly { readonly type: string }[]) => [...new Set(history.map(({ type }) => type))].sort();
const declared = (type: string) => catalogue[type]?.events.map((event) => event.type).sort();

/** A history with every event of an account at least once. */
function accountHistory(): AccountEvent[] {
  const account = new Account(accountId);
  const history: AccountEvent[] = [];
  const store = (event: AccountEvent | undefined) => {
    history.push(...account.uncommittedEvents);
    account.markCommitted();
    if (!event) return;
    history.push(event);
    account.replay([event]);
  };
  const reserved = (quantity: string) => ({
    ...({ orderId, symbol: 'ACME', side: 'buy', quantity, unitPrice: '101.5' } as const),
    amount: reservedFor(decimal(quantity), decimal('101.5')),
  });
  const fill = { orderId, symbol: 'ACME', side: 'buy', ...execution('e-1', '4') } as const;
  account.open({ owner: ada, currency: 'USD', name: sampleText('0001') });
  account.grantAccess(bob);
  account.grantAccess(eve);
  account.revokeAccess(eve);
  account.deposit('5000', sampleText('0002'));
  account.withdraw('100.5');
  account.reserve(reserved('10'));
  account.reserve(reserved('12'));
  account.reserve({ ...reserved('1'), orderId: '0190a6e0-0000-7000-8000-0000000000a2' });
  store(undefined);
  store(account.reserving('0190a6e0-0000-7000-8000-0000000000a2', undefined));
  store(account.settling(fill, reserved('8')));
  store(account.settling({ ...fill, executionId: 'e-2' }, reserved('4')));
  store(account.reversing(fill, reserved('8')));
  return asJson(history);
}

/** A history with every event of an order except the denial and the ends that it does not reach. */
function orderHistory(): OrderEvent[] {
  const order = new Order(orderId);
  const history: OrderEvent[] = [];
  const store = (event: OrderEvent | undefined) => history.push(...(event ? [event] : []));
  const request = (act: () => void) => {
    act();
    history.push(...order.uncommittedEvents);
    order.markCommitted();
  };
  request(() => order.place(sampleTerms()));
  request(() => order.approve({ reservePrice: '101.5', goodUntil: '2026-01-02T21:00:00Z' }, 2));
  store(change(order, changeOf.OrderOutcomeUnknown));
  store(change(order, changeOf.OrderAccepted));
  store(change(order, { type: 'OrderExecuted', data: { ...execution('e-1', '3'), revision: 1 } }));
  store(change(order, { type: 'OrderExecuted', data: { ...execution('e-2', '2'), revision: 1 } }));
  store(change(order, { type: 'OrderExecutionCorrected', data: execution('e-1', '1') }));
  store(change(order, { type: 'OrderExecutionBusted', data: { executionId: 'e-2' } }));
  request(() => order.requestReplace({ quantity: '12' }, { reservePrice: '101.5' }, 7));
  store(change(order, changeOf.OrderReplaced));
  request(() => order.requestReplace({ limitPrice: '99' }, { reservePrice: '99' }, 9));
  store(change(order, { type: 'OrderReplaceRejected', data: { revision: 3, reason: 'no' } }));
  request(() => order.requestCancel());
  store(change(order, changeOf.OrderCancelRejected));
  store(change(order, changeOf.OrderSuspended));
  store(change(order, changeOf.OrderResumed));
  request(() => order.requestReplace({ quantity: '14' }, { reservePrice: '101.5' }, 11));
  store(change(order, changeOf.OrderDoneForDay));
  request(() => order.requestCancel(sampleText('0003')));
  return asJson(history);
}

const accountState = (history: AccountEvent[]) => asJson(new Account(accountId).replay(history).toSnapshot());
const orderState = (history: OrderEvent[]) => asJson(new Order(orderId).replay(history).toSnapshot());

interface Golden {
  readonly shape: number;
  readonly history: never[];
  readonly state: object;
}

/** The golden file of a shape; `UPDATE_GOLDEN=1` writes a missing one, and never overwrites. */
function golden(name: string, shape: number, make: () => Pick<Golden, 'state'> & { readonly history: object[] }): Golden {
  const file = new URL(`../golden/${name}.shape-${shape}.json`, import.meta.url);
  if (process.env['UPDATE_GOLDEN'] && !existsSync(file)) {
    writeFileSync(file, `${JSON.stringify({ shape, ...make() }, null, 2)}\n`);
  }
  return JSON.parse(readFileSync(file, 'utf8')) as Golden;
}

describe('the state in a snapshot keeps its shape (to change it, raise `shape`; UPDATE_GOLDEN=1 makes the new file)', () => {
  it('of an account, for all its events', () => {
    const kept = golden('account-state', Account.snapshots.shape, () => {
      const history = accountHistory();
      return { history, state: accountState(history) };
    });
    expect(accountState(kept.history)).toEqual(kept.state);
    expect(typesOf(kept.history)).toEqual(declared('Account'));
  });

  it('of an order, for all events that do not end it', () => {
    const kept = golden('order-state', Order.snapshots.shape, () => {
      const history = orderHistory();
      return { history, state: orderState(history) };
    });
    expect(orderState(kept.history)).toEqual(kept.state);
    const ends = ['OrderCanceled', 'OrderDenied', 'OrderExpired', 'OrderRejected'];
    expect(typesOf(kept.history)).toEqual(declared('Order')?.filter((type) => !ends.includes(type)));
  });
});

describe('an order from its snapshot', () => {
  const history = orderHistory();
  const ends = [orderSamples.OrderCanceled, orderSamples.OrderExpired, orderSamples.OrderRejected];

  it.each(history.map((_, cut) => cut + 1))('taken after %i events equals the live order', (cut) => {
    const restored = new Order(orderId);
    restored.restore(asJson(new Order(orderId).replay(history.slice(0, cut)).toSnapshot()));
    restored.startAt(cut);
    restored.replay(history.slice(cut));
    const live = new Order(orderId).replay(history);
    expect(asJson(restored.toSnapshot())).toEqual(asJson(live.toSnapshot()));
    expect([restored.version, restored.filledQuantity]).toEqual([live.version, live.filledQuantity]);
    for (const end of ends) {
      const [one, other] = [restored, live].map((each) => change(each, { type: end.type, data: end.data } as never));
      expect(one).toEqual(other);
    }
    expect(restored.status).toBe(live.status);
  });

  it('remembers its decision', () => {
    for (const [end, status] of [
      [2, 'pendingNew'],
      [3, 'unknown'],
    ] as const) {
      const restored = new Order(orderId);
      restored.restore(asJson(new Order(orderId).replay(history.slice(0, end)).toSnapshot()));
      expect(restored.status).toBe(status);
      expect(() => restored.approve({ reservePrice: '1' })).toThrow(expect.objectContaining({ code: 'order-already-decided' }));
    }
  });
});
