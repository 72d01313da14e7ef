import { event, type Written } from './event.ts';
import type { TextRef } from './texts.ts';

/** The direction in which an order trades. */
export const orderSides = ['buy', 'sell'] as const;
/**
 * When and at what price an order may trade: immediately at any price, at a limit or better, once a stop price is
 * reached, or both.
 */
export const orderTypes = ['market', 'limit', 'stop', 'stopLimit'] as const;
/**
 * How long an order is valid: to the end of the day, until cancelled, immediately in part or not at all (`ioc`),
 * immediately in full or not at all (`fok`).
 */
export const timesInForce = ['day', 'gtc', 'ioc', 'fok'] as const;

/**
 * What a client asks for. Quantities and prices are canonical decimal strings (no sign, no leading or trailing zeros).
 */
export interface OrderTerms {
  readonly accountId: string;
  /**
   * The client's own name for the order, permanently unique within the account; absent when an Idempotency-Key names
   * it.
   */
  readonly clientOrderId?: string;
  readonly symbol: string;
  readonly side: (typeof orderSides)[number];
  readonly type: (typeof orderTypes)[number];
  readonly quantity: string;
  readonly limitPrice?: string;
  readonly stopPrice?: string;
  readonly timeInForce: (typeof timesInForce)[number];
}

/**
 * What a replace may change; absent fields stay. `quantity` is the new total, including filled shares (FIX OrderQty).
 */
export interface ReplaceTerms {
  readonly quantity?: string;
  readonly limitPrice?: string;
  readonly stopPrice?: string;
}

/** Why we, not the brokerage, refuse an order: the rule by its stable name, and the figures that it compared. */
export interface Denial {
  /** Kebab-case: `insufficient-funds`, `halted-symbol`, `max-order-value`, ... */
  readonly rule: string;
  /** One sentence for the client. */
  readonly detail: string;
  /** What was compared, by name: `{ needed: '1015.51', available: '900' }`. */
  readonly figures: Readonly<Record<string, string>>;
  /** What an operator gave as the reason for halting trade. */
  readonly reason?: TextRef;
}

/** One execution: a fact of the market. The id is ours, derived from the brokerage's. */
export interface Execution {
  readonly executionId: string;
  readonly quantity: string;
  readonly price: string;
  /** When it happened according to the brokerage; RFC 3339. */
  readonly executedAt: string;
}

/** An order was accepted: from now on it is durable. */
export class OrderPlaced extends event('OrderPlaced', 1)<OrderTerms> {}

/** The result of risk rules that approve the terms. */
export interface Approval {
  /** Last price that the rules used, and its time; absent where no rule needed one. */
  readonly referencePrice?: string;
  readonly referencePriceAt?: string;
  /** Price per share at which money is reserved: the limit, or the collar over the last or stop price. */
  readonly reservePrice: string;
  /** For orders without a limit: the worst last price at which it may still be sent to the brokerage. */
  readonly collarPrice?: string;
  /** The order may not be sent after this time; RFC 3339. Absent for `gtc`. */
  readonly goodUntil?: string;
}

/** How the same save changed the account. */
export interface Booked {
  /**
   * Version of the account after that save: reading the account at this version shows the money that belongs to the
   * event.
   */
  readonly accountVersion?: number;
}

/**
 * The order passed the risk rules, and what it needs is reserved in the same save. Contains the prices used for the
 * decision.
 */
export class OrderApproved extends event('OrderApproved', 1)<Approval & Booked> {}

/**
 * We refuse the order: a risk rule, a closed market, insufficient funds or shares. Terminal; the only other event is
 * `OrderPlaced`.
 */
export class OrderDenied extends event('OrderDenied', 1)<Denial> {}

/** The brokerage has the order. */
export class OrderAccepted extends event('OrderAccepted', 1)<{ readonly revision: number; readonly brokerOrderId: string }> {}

/** The brokerage refused it. Terminal. */
export class OrderRejected extends event('OrderRejected', 1)<{ readonly code: string; readonly reason: string } & Booked> {}

/** It is not known whether the brokerage has the order: only proof ends this state. */
export class OrderOutcomeUnknown extends event('OrderOutcomeUnknown', 1)<{
  readonly revision: number;
  readonly reason: string;
}> {}

/** The value of an execution, as booked in the account. */
export interface Value {
  /** Quantity times price, rounded down to 9 places. */
  readonly notional: string;
  readonly fee: string;
}

/** The order's figures after an execution. */
interface Totals {
  readonly cumulativeQuantity: string;
  readonly leavesQuantity: string;
  /** Shares beyond the order's total; absent where there are none. */
  readonly excessQuantity?: string;
}

/** The market traded part or all of it: a fact in any state. */
export class OrderExecuted extends event('OrderExecuted', 1)<
  Execution & Value & Totals & Booked & { readonly revision: number }
> {}

/** The figures of an execution before it was reversed or corrected. */
interface Amended extends Totals, Booked {
  readonly was: Pick<Execution, 'quantity' | 'price'> & Value;
}

/** The brokerage took an execution back; its booking is reversed in the same save. */
export class OrderExecutionBusted extends event('OrderExecutionBusted', 1)<Amended & { readonly executionId: string }> {}

/** The brokerage corrected an execution: these are its figures now, and the booking follows in the same save. */
export class OrderExecutionCorrected extends event('OrderExecutionCorrected', 1)<Amended & Execution & Value> {}

/** The client asked to cancel; the order is cancelled only when the brokerage confirms it. */
export class OrderCancelRequested extends event('OrderCancelRequested', 1)<{ readonly reason?: TextRef }> {}

/** The brokerage, or the order's state, does not allow the cancel; the order stays as it was. */
export class OrderCancelRejected extends event('OrderCancelRejected', 1)<{ readonly reason: string }> {}

/** It is cancelled: the brokerage confirmed it, or it never got there. Terminal. */
export class OrderCanceled extends event('OrderCanceled', 1)<{ readonly reason?: string } & Booked> {}

/**
 * The client asked for other terms; they take effect when the brokerage confirms them. `revision` is the number that
 * they will have. The risk rules have checked them, and from this save on the account holds the worst case of both
 * terms.
 */
export class OrderReplaceRequested extends event('OrderReplaceRequested', 1)<
  ReplaceTerms & Approval & Booked & { readonly revision: number }
> {}

/** The brokerage works it under new terms, as a new revision. `quantity` is the new total. */
export class OrderReplaced extends event('OrderReplaced', 1)<
  {
    readonly revision: number;
    readonly brokerOrderId: string;
    readonly quantity: string;
    readonly limitPrice?: string;
    readonly stopPrice?: string;
  } & Booked
> {}

/** The brokerage refused to replace; the order continues under its old terms. */
export class OrderReplaceRejected extends event('OrderReplaceRejected', 1)<
  { readonly revision: number; readonly reason: string } & Booked
> {}

/** Its time in force is over, or it was too late or the market too far away to send it. Terminal. */
export class OrderExpired extends event('OrderExpired', 1)<{ readonly reason: string } & Booked> {}

/** The brokerage has finished with it for today; it may resume tomorrow. */
export class OrderDoneForDay extends event('OrderDoneForDay', 1)<Record<never, never>> {}

/** The brokerage has suspended it; it may resume. */
export class OrderSuspended extends event('OrderSuspended', 1)<{ readonly reason?: string }> {}

/** The brokerage works it again after it was done for the day or suspended. */
export class OrderResumed extends event('OrderResumed', 1)<Record<never, never>> {}

/** The events of an Order, by the service that writes them. */
export const orderWriters = {
  'command-api': [OrderPlaced, OrderApproved, OrderDenied, OrderCancelRequested, OrderReplaceRequested],
  'order-saga': [
    OrderAccepted,
    OrderRejected,
    OrderOutcomeUnknown,
    OrderExecuted,
    OrderExecutionBusted,
    OrderExecutionCorrected,
    OrderCancelRejected,
    OrderCanceled,
    OrderReplaced,
    OrderReplaceRejected,
    OrderExpired,
    OrderDoneForDay,
    OrderSuspended,
    OrderResumed,
  ],
} as const;

/** Every event of an Order. */
export type OrderEvent = Written<typeof orderWriters>;

/** The fields of a change, without those that the order computes itself. */
type Said<E extends OrderEvent> = Omit<E['data'], keyof Totals | keyof Value | keyof Booked | 'was'>;
type ChangeOf<E extends OrderEvent> = E extends OrderEvent ? { readonly type: E['type']; readonly data: Said<E> } : never;

/** What the brokerage's report means for an order: the event that it becomes if the order's state allows it. */
export type OrderChange = ChangeOf<InstanceType<(typeof orderWriters)['order-saga'][number]>>;
