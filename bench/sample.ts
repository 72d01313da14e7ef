import { BaseAggregate } from '@tradecore/event-sourcing';
import { freshId, OrderPlaced, type OrderCancelRequested } from '@tradecore/events';

const account = freshId();

/** The context of a request's saves. */
export const context = {
  correlationId: freshId(),
  account,
  actor: 'client-1',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
};

/** The same as an event's metadata, for writers that bypass the store. */
export const metadata = { account, actor: context.actor, traceparent: context.traceparent };

/** Terms of a plain limit order. */
export const terms = {
  accountId: account,
  clientOrderId: 'bench-123456',
  symbol: 'ACME',
  side: 'buy',
  type: 'limit',
  quantity: '100',
  limitPrice: '187.25',
  timeInForce: 'day',
} as const;

/** An order without rules: a bench measures only storing and transport. */
export class BenchOrder extends BaseAggregate<OrderPlaced | OrderCancelRequested> {
  static readonly type = 'Order';
  place(): this {
    this.apply(new OrderPlaced(terms));
    return this;
  }
  onOrderPlaced(): void {
    return;
  }
  onOrderCancelRequested(): void {
    return;
  }
}
