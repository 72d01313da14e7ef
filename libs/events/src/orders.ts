import { event } from './event.ts';

/** Which way an order trades. */
export const orderSides = ['buy', 'sell'] as const;
/** When and at what price an order may trade: at once at any, at a limit or better, once a stop price is met, or both. */
export const orderTypes = ['market', 'limit', 'stop', 'stopLimit'] as const;
/** How long an order stands: to the end of the day, until cancelled, at once in part or not at all (`ioc`), at once whole or not at all (`fok`). */
export const timesInForce = ['day', 'gtc', 'ioc', 'fok'] as const;

/** What a client asks for. Quantities and prices are canonical decimal strings (no sign, no leading or trailing zeros). */
export interface OrderTerms {
  readonly accountId: string;
  /** The client's own name for the order, unique within the account for ever; absent when an Idempotency-Key names it. */
  readonly clientOrderId?: string;
  readonly symbol: string;
  readonly side: (typeof orderSides)[number];
  readonly type: (typeof orderTypes)[number];
  readonly quantity: string;
  readonly limitPrice?: string;
  readonly stopPrice?: string;
  readonly timeInForce: (typeof timesInForce)[number];
}

/** An order was accepted: from now on it is durable. */
export class OrderPlaced extends event('OrderPlaced', 1)<OrderTerms> {}

/** The client asked to cancel; the order is cancelled only when the broker says so. */
export class OrderCancelRequested extends event('OrderCancelRequested', 1)<{ readonly reason?: string }> {}

/** Every event of an Order. */
export type OrderEvent = OrderPlaced | OrderCancelRequested;
