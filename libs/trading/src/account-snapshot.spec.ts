import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { catalogue, type AccountEvent } from '@tradecore/events';
import { Account } from './index.ts';

interface Golden {
  readonly shape: number;
  readonly history: AccountEvent[];
  readonly state: object;
}

const orderId = '0190a6e0-0000-7000-8000-0000000000a1';
const order = { orderId, symbol: 'ACME', side: 'buy', quantity: '10', unitPrice: '101.5' } as const;
const other = { ...order, orderId: '0190a6e0-0000-7000-8000-0000000000a2', quantity: '100000' };
const gone = { ...order, orderId: '0190a6e0-0000-7000-8000-0000000000a3', quantity: '1' };
const fill = {
  orderId,
  symbol: 'ACME',
  side: 'buy',
  executionId: 'e-1',
  quantity: '4',
  price: '101.25',
  executedAt: '2026-11-23T09:00:00Z',
} as const;

/** A history in which each event of an account stands at least once. */
function story(): AccountEvent[] {
  const account = new Account('0190a6e0-0000-7000-8000-000000000001');
  account.open({ owner: 'ada', currency: 'USD', name: 'Pension' });
  account.grantAccess('bob');
  account.grantAccess('eve');
  account.revokeAccess('eve');
  account.deposit('5000', 'first');
  account.withdraw('100.5');
  account.reserve(order);
  account.reserve(other);
  account.settle(fill);
  account.settle(fill);
  account.changeReservation({ orderId, quantity: '8', unitPrice: '101' });
  account.changeReservation({ orderId, quantity: '80000', unitPrice: '101' });
  account.reserve(gone);
  account.release(gone);
  return JSON.parse(JSON.stringify(account.uncommittedEvents)) as AccountEvent[];
}

const stateOf = (history: AccountEvent[]): object =>
  JSON.parse(JSON.stringify(new Account('0190a6e0-0000-7000-8000-000000000001').replay(history).toSnapshot())) as object;

describe("the state of an account's snapshot", () => {
  const { shape } = Account.snapshots;
  const file = new URL(`../golden/account-state.shape-${shape}.json`, import.meta.url);
  if (process.env['UPDATE_GOLDEN'] === '1' && !existsSync(file)) {
    const history = story();
    writeFileSync(file, `${JSON.stringify({ shape, history, state: stateOf(history) }, null, 2)}\n`);
  }
  const golden = JSON.parse(readFileSync(file, 'utf8')) as Golden;

  it('is what this shape has always been: snapshots that are stored stay true (else raise `shape`, UPDATE_GOLDEN=1 makes its file)', () => {
    expect(golden.shape).toBe(shape);
    expect(stateOf(golden.history)).toEqual(golden.state);
  });

  it('is shown on every event that an account has', () => {
    const types = new Set(golden.history.map(({ type }) => type));
    expect([...types].sort()).toEqual(catalogue['Account']?.events.map(({ type }) => type).sort());
  });
});
