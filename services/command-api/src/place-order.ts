import { Inject, Injectable } from '@nestjs/common';
import { ConcurrencyException, EventStore } from '@tradecore/event-sourcing';
import { orderIdFor, orderIdForKey, type OrderTerms, type RecordedEvent } from '@tradecore/events';
import type { Caller } from '@tradecore/service';
import { counter, extendContext } from '@tradecore/telemetry';
import { AccountNotFound, Order, rules } from '@tradecore/trading';
import { AccountAccess } from './account-access.ts';
import { historyOf } from './order-history.ts';
import { OrderRisk } from './order-risk.ts';

/** A request to trade, under a name that makes it one order however often it is sent. */
export interface PlaceOrderCommand {
  readonly caller: Caller;
  readonly terms: OrderTerms;
  /** Names the order when its terms have no clientOrderId. */
  readonly idempotencyKey?: string;
}

/** The order's events as stored, and what this command did: made an order, one that our rules denied, or found it there. */
export interface PlacedOrder {
  readonly outcome: (typeof outcomes)[number];
  readonly history: readonly RecordedEvent[];
}

const outcomes = ['placed', 'denied', 'repeated'] as const;
const placed = counter({
  name: 'orders_placed_total',
  help: 'Orders accepted: new ones, new ones that a risk rule denied, and repeats of an order that was there.',
  labels: { outcome: outcomes },
});
const denials = counter({
  name: 'orders_denied_total',
  help: 'Orders that a risk rule denied, by rule.',
  labels: { rule: rules.map(({ name }) => name) },
});

/** Accepts an order and holds it against the rules: durable, with the answer, when this returns. */
@Injectable()
export class PlaceOrder {
  constructor(
    @Inject(EventStore) private readonly eventStore: EventStore,
    @Inject(OrderRisk) private readonly risk: OrderRisk,
    @Inject(AccountAccess) private readonly access: AccountAccess,
  ) {}

  /**
   * Places the order, or finds it placed with the same terms. `terms` are canonical, with a clientOrderId or beside an idempotency key.
   * Throws `AccountNotFound` for an account that is not the caller's, and what `Order.place` and `EventStore.saveAggregate` throw.
   */
  async execute({ caller, terms, idempotencyKey = '' }: PlaceOrderCommand): Promise<PlacedOrder> {
    const { accountId, clientOrderId } = terms;
    if (!(await this.access.mayUse(caller, accountId))) throw new AccountNotFound(accountId);
    const orderId = clientOrderId === undefined ? orderIdForKey(accountId, idempotencyKey) : orderIdFor(accountId, clientOrderId);
    const result = await extendContext({ account: accountId }, () => this.place(orderId, terms));
    placed.inc({ outcome: result.outcome });
    return result;
  }

  /** That the name is free is what the store's key decides, so the order is not read before. */
  private async place(orderId: string, terms: OrderTerms): Promise<PlacedOrder> {
    const order = new Order(orderId);
    order.place(terms);
    const assessment = await this.risk.assess(terms);
    if ('approved' in assessment) order.approve(assessment.approved);
    else order.deny(assessment.denied);
    try {
      const { events } = await this.eventStore.saveAggregate(order);
      if ('approved' in assessment) return { outcome: 'placed', history: events };
      denials.inc({ rule: assessment.denied.rule });
      return { outcome: 'denied', history: events };
    } catch (error) {
      if (!(error instanceof ConcurrencyException)) throw error;
      return this.repeat(orderId, terms);
    }
  }

  /** The name is taken, for ever: by the same request, or by another one, which throws. */
  private async repeat(orderId: string, terms: OrderTerms): Promise<PlacedOrder> {
    const order = await this.eventStore.loadAggregate(Order, orderId);
    order.place(terms);
    return { outcome: 'repeated', history: await historyOf(this.eventStore, orderId) };
  }
}
