import { Inject, Injectable } from '@nestjs/common';
import { ConcurrencyException, EventStore } from '@tradecore/event-sourcing';
import { orderIdFor, orderIdForKey, type OrderTerms, type RecordedEvent } from '@tradecore/events';
import { counter, extendContext } from '@tradecore/telemetry';
import { Order } from '@tradecore/trading';

/** A wish to trade, under a name that makes it one order however often it is sent. */
export interface PlaceOrderCommand {
  readonly terms: OrderTerms;
  /** Names the order when its terms have no clientOrderId. */
  readonly idempotencyKey?: string;
}

/** The order's events as stored, and whether this command was the first. */
export interface PlacedOrder {
  readonly outcome: 'placed' | 'repeated';
  readonly history: readonly RecordedEvent[];
}

const placed = counter({
  name: 'orders_placed_total',
  help: 'Orders accepted: new ones, and repeats of an order that was there.',
  labels: { outcome: ['placed', 'repeated'] },
});

/** Accepts an order: durable when this returns. */
@Injectable()
export class PlaceOrder {
  constructor(@Inject(EventStore) private readonly eventStore: EventStore) {}

  /**
   * Places the order, or finds it placed with the same terms. `terms` are canonical, with a clientOrderId or beside an idempotency key.
   * Throws what `Order.place` and `EventStore.saveAggregate` throw.
   */
  async execute({ terms, idempotencyKey = '' }: PlaceOrderCommand): Promise<PlacedOrder> {
    const { accountId, clientOrderId } = terms;
    const orderId = clientOrderId === undefined ? orderIdForKey(accountId, idempotencyKey) : orderIdFor(accountId, clientOrderId);
    const result = await extendContext({ account: accountId }, () => this.place(orderId, terms));
    placed.inc({ outcome: result.outcome });
    return result;
  }

  /** One round trip for a new order: that its name is free is what the store's key decides, so nothing is read before. */
  private async place(orderId: string, terms: OrderTerms): Promise<PlacedOrder> {
    const order = new Order(orderId);
    order.place(terms);
    try {
      const { events } = await this.eventStore.saveAggregate(order);
      return { outcome: 'placed', history: events };
    } catch (error) {
      if (!(error instanceof ConcurrencyException)) throw error;
      return this.repeat(orderId, terms);
    }
  }

  /** The name is taken, for ever: by the same wish, or by another one, which throws. */
  private async repeat(orderId: string, terms: OrderTerms): Promise<PlacedOrder> {
    const order = await this.eventStore.loadAggregate(Order, orderId);
    order.place(terms);
    return { outcome: 'repeated', history: await this.eventStore.readEvents(orderId) };
  }
}
