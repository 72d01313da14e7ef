import { InMemoryEventStore, type AnyAggregate, type Saved } from '@tradecore/event-sourcing';
import { catalogue, orderIdFor } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { runInContext } from '@tradecore/telemetry';
import { Account } from '@tradecore/trading';
import { MarketData } from '@tradecore/market-data';
import { sampleQuote, sampleSession } from '@tradecore/market-data/testing';
import type { Caller } from '@tradecore/service';
import { AccountAccess } from '../src/account-access.ts';
import { MarketFacts, OrderRisk } from '../src/order-risk.ts';
import { OrderRequests } from '../src/order-requests.ts';
import { PlaceOrder } from '../src/place-order.ts';
import { RequestCancel } from '../src/request-cancel.ts';

/** A store whose first `meeting` saves all wait for each other: so many callers have decided on the same state. */
class RacingStore extends InMemoryEventStore {
  private waiting = 0;
  private go: () => void = () => undefined;
  private met = Promise.resolve();

  /** From now on. */
  meet(callers: number): void {
    this.waiting = callers;
    this.met = new Promise((resolve) => (this.go = resolve));
  }

  override async saveAggregate(aggregate: AnyAggregate, expectedVersion?: number): Promise<Saved> {
    this.waiting -= 1;
    if (this.waiting === 0) this.go();
    await this.met;
    return super.saveAggregate(aggregate, expectedVersion);
  }
}

const terms = { ...sampleTerms(), clientOrderId: 'race' };
const caller: Caller = { subject: 'tester', accounts: [terms.accountId], role: 'client', expiresAt: Infinity };
const orderId = orderIdFor(terms.accountId, terms.clientOrderId);
const asked = <T>(ask: () => Promise<T>) => runInContext({ correlationId: '0190a6e0-0000-7000-8000-0000000000aa' }, ask);

/** The use cases on a store, in a market where ACME trades at 100; the account is named by the token. */
function useCases(store: InMemoryEventStore): { placeOrder: PlaceOrder; requestCancel: RequestCancel } {
  const access = new AccountAccess(store);
  const market = new MarketData();
  market.set(sampleQuote());
  market.set(sampleSession());
  const settings = { MAX_PRICE_AGE: 60_000, MARKET_COLLAR_PERCENT: '5' };
  const risk = new OrderRisk(store, access, new MarketFacts(market, { now: () => new Date() }, settings));
  return {
    placeOrder: new PlaceOrder(store, risk, access),
    requestCancel: new RequestCancel(new OrderRequests(store, access)),
  };
}

/** Opens the account: an order for another is denied, and nobody cancels it. */
async function opened(): Promise<RacingStore> {
  const store = new RacingStore(catalogue);
  const account = new Account(terms.accountId);
  account.open({ owner: 'somebody', currency: 'USD' });
  await asked(() => store.saveAggregate(account));
  return store;
}

describe('callers who decide on the same state', () => {
  it('place one order: one is first, the others find it', async () => {
    const store = await opened();
    const { placeOrder } = useCases(store);
    store.meet(3);
    const results = await Promise.all([1, 2, 3].map(() => asked(() => placeOrder.execute({ caller, terms }))));
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(['placed', 'repeated', 'repeated']);
    expect(new Set(results.map(({ history }) => JSON.stringify(history))).size).toBe(1);
    expect(await store.readEvents(orderId)).toHaveLength(2);
  });

  it('place one order of different requests: the others hear that the name is taken', async () => {
    const store = await opened();
    const { placeOrder } = useCases(store);
    store.meet(2);
    const results = await Promise.allSettled(
      ['1', '2'].map((quantity) => asked(() => placeOrder.execute({ caller, terms: { ...terms, quantity } }))),
    );
    expect(results).toMatchObject([{ status: 'fulfilled' }, { reason: { code: 'order-already-placed' } }]);
  });

  it('request one cancel: with one key all hear the same, without a key one does', async () => {
    const command = { orderId, caller };
    for (const key of [{ idempotencyKey: 'key' }, {}] as readonly { readonly idempotencyKey?: string }[]) {
      const store = await opened();
      const { placeOrder, requestCancel } = useCases(store);
      await asked(() => placeOrder.execute({ caller, terms }));
      store.meet(3);
      const results = await Promise.allSettled([1, 2, 3].map(() => asked(() => requestCancel.execute({ ...command, ...key }))));
      const heard = results.map((each) =>
        each.status === 'fulfilled' ? each.value.length : (each.reason as { code: string }).code,
      );
      expect(heard).toEqual('idempotencyKey' in key ? [3, 3, 3] : [3, 'cancel-already-requested', 'cancel-already-requested']);
      expect(await store.readEvents(orderId)).toHaveLength(3);
    }
  });
});
