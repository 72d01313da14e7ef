import { InMemoryEventStore, type AnyAggregate, type Saved } from '@tradecore/event-sourcing';
import { catalogue, orderIdFor } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { runInContext } from '@tradecore/telemetry';
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
const orderId = orderIdFor(terms.accountId, terms.clientOrderId);
const asked = <T>(ask: () => Promise<T>) => runInContext({ correlationId: '0190a6e0-0000-7000-8000-0000000000aa' }, ask);

describe('callers who decide on the same state', () => {
  it('place one order: one is first, the others find it', async () => {
    const store = new RacingStore(catalogue);
    const placeOrder = new PlaceOrder(store);
    store.meet(3);
    const results = await Promise.all([1, 2, 3].map(() => asked(() => placeOrder.execute({ terms }))));
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(['placed', 'repeated', 'repeated']);
    expect(new Set(results.map(({ history }) => JSON.stringify(history))).size).toBe(1);
    expect(await store.readEvents(orderId)).toHaveLength(1);
  });

  it('place one order of different wishes: the others hear that the name is taken', async () => {
    const store = new RacingStore(catalogue);
    const placeOrder = new PlaceOrder(store);
    store.meet(2);
    const results = await Promise.allSettled(
      ['1', '2'].map((quantity) => asked(() => placeOrder.execute({ terms: { ...terms, quantity } }))),
    );
    expect(results).toMatchObject([{ status: 'fulfilled' }, { reason: { code: 'order-already-placed' } }]);
  });

  it('request one cancel: with one key all hear the same, without a key one does', async () => {
    const command = { orderId, accounts: [terms.accountId] };
    for (const key of [{ idempotencyKey: 'key' }, {}]) {
      const store = new RacingStore(catalogue);
      await asked(() => new PlaceOrder(store).execute({ terms }));
      const requestCancel = new RequestCancel(store);
      store.meet(3);
      const results = await Promise.allSettled([1, 2, 3].map(() => asked(() => requestCancel.execute({ ...command, ...key }))));
      const heard = results.map((each) =>
        each.status === 'fulfilled' ? each.value.length : (each.reason as { code: string }).code,
      );
      expect(heard).toEqual('idempotencyKey' in key ? [2, 2, 2] : [2, 'cancel-already-requested', 'cancel-already-requested']);
      expect(await store.readEvents(orderId)).toHaveLength(2);
    }
  });
});
