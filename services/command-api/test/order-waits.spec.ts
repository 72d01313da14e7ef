import { InMemoryEventStore } from '@tradecore/event-sourcing';
import { catalogue, freshId, OrderExpired } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { runInContext } from '@tradecore/telemetry';
import { Order } from '@tradecore/trading';
import { OrderWaits } from '../src/orders/order-waits.ts';

/** A placed order in its own store, and what may happen to it. */
async function placed() {
  const store = new InMemoryEventStore(catalogue);
  const order = new Order(freshId());
  order.place(sampleTerms());
  const { events: history } = await runInContext({ correlationId: freshId() }, () => store.saveAggregate(order));
  const expire = async () => {
    const target = { type: Order.type, id: order.id };
    const events = store.prepare(target, [new OrderExpired({ reason: 'late' })], { context: { correlationId: freshId() } });
    await store.savePrepared([{ ...target, expected: 1, events }]);
  };
  return { waits: new OrderWaits(store, { LIMIT_WAITS: 60 }), history, expire };
}

describe('answers that wait', () => {
  it('have room for 60 of a subject and 100 in total: others may not wait until one is done', async () => {
    const { waits, history, expire } = await placed();
    const waiting = Array.from({ length: 60 }, () => waits.until(history, 10, 'one'));
    expect(await waits.until(history, 10, 'one')).toBeUndefined();
    waiting.push(...Array.from({ length: 40 }, () => waits.until(history, 10, 'other')));
    expect(await waits.until(history, 10, 'third')).toBeUndefined();
    await expire();
    for (const known of await Promise.all(waiting))
      expect(known?.map(({ type }) => type)).toEqual(['OrderPlaced', 'OrderExpired']);
    expect(await waits.until(history, 0, 'one')).toEqual(history);
  });

  it('are sent with the current state when the service stops, and none waits after that', async () => {
    const { waits, history } = await placed();
    const waiting = waits.until(history, 10, 'one');
    waits.beforeApplicationShutdown();
    expect(await waiting).toEqual(history);
    expect(await waits.until(history, 10, 'one')).toBeUndefined();
  });
});
