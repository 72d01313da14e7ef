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

/** What a replace may change; what is absent stays. `quantity` is the new total, filled shares included (FIX OrderQty). */
export interface ReplaceTerms {
  readonly quantity?: string;
  readonly limitPrice?: string;
  readonly stopPrice?: string;
}

/** Why we, not the broker, refuse an order: the rule by its stable name, and the figures that it compared. */
export interface Denial {
  /** Kebab-case: `insufficient-funds`, `halted-symbol`, `max-order-value`, ... */
  readonly rule: string;
  /** One sentence for the client. */
  readonly detail: string;
  /** What was compared, by name: `{ needed: '1015.51', available: '900' }`. */
  readonly figures: Readonly<Record<string, string>>;
}

/** One execution: a fact of the market. Id is ours, derived from the broker's. */
export interface Execution {
  readonly executionId: string;
  readonly quantity: string;
  readonly price: string;
  /** When the broker says that it happened; RFC 3339. */
  readonly executedAt: string;
}

/** An order was accepted: from now on it is durable. */
export class OrderPlaced extends event('OrderPlaced', 1)<OrderTerms> {}

/** What the risk rules say of terms that they let pass. */
export interface Approval {
  /** Last price that the rules saw, and when it was made; absent where no rule needed one. */
  readonly referencePrice?: string;
  readonly referencePriceAt?: string;
  /** Price a share at which money is reserved: the limit, or the collar over the last or stop price. */
  readonly reservePrice: string;
  /** For orders without a limit: the worst last price at which it may still be sent to the broker. */
  readonly collarPrice?: string;
  /** The order may not be sent after this time; RFC 3339. Absent for `gtc`. */
  readonly goodUntil?: string;
}

/** The order passed the risk rules; its saga begins here. The prices that the decision used stand in it. */
export class OrderApproved extends event('OrderApproved', 1)<Omit<OrderTerms, 'clientOrderId'> & Approval> {}

/** We refuse the order: a risk rule, a market that is closed, or the account has not what it needs. Terminal. */
export class OrderDenied extends event('OrderDenied', 1)<Denial> {}

/** Money or shares are reserved, and the broker gateway was asked to send it. */
export class OrderSubmitted extends event('OrderSubmitted', 1)<{ readonly revision: number; readonly brokerOrderId: string }> {}

/** The broker has the order. */
export class OrderAccepted extends event('OrderAccepted', 1)<{ readonly revision: number; readonly brokerOrderId: string }> {}

/** The broker refused it. Terminal. */
export class OrderRejected extends event('OrderRejected', 1)<{ readonly code: string; readonly reason: string }> {}

/** Whether the broker has the order is not known: only proof leaves this state. */
export class OrderOutcomeUnknown extends event('OrderOutcomeUnknown', 1)<{
  readonly revision: number;
  readonly reason: string;
}> {}

/** The market traded a part of it or the rest: a fact in any state. */
export class OrderExecuted extends event('OrderExecuted', 1)<
  Execution & { readonly revision: number; readonly cumulativeQuantity: string; readonly leavesQuantity: string }
> {}

/** The figures of an execution before it was taken back or corrected. */
interface Amended {
  readonly was: Pick<Execution, 'quantity' | 'price'>;
  readonly cumulativeQuantity: string;
  readonly leavesQuantity: string;
}

/** The broker took an execution back. */
export class OrderExecutionBusted extends event('OrderExecutionBusted', 1)<Amended & { readonly executionId: string }> {}

/** The broker corrected an execution: these are its figures now. */
export class OrderExecutionCorrected extends event('OrderExecutionCorrected', 1)<Amended & Execution> {}

/** The client asked to cancel; the order is cancelled only when the broker says so. */
export class OrderCancelRequested extends event('OrderCancelRequested', 1)<{ readonly reason?: string }> {}

/** The broker, or the order's state, does not let it be cancelled; it goes on as before. */
export class OrderCancelRejected extends event('OrderCancelRejected', 1)<{ readonly reason: string }> {}

/** It is cancelled: the broker says so, or it never got there. Terminal. */
export class OrderCanceled extends event('OrderCanceled', 1)<{ readonly reason?: string }> {}

/** The client asked for other terms; they hold when the broker says so. `revision` is the number that the new revision will have. The risk rules saw them. */
export class OrderReplaceRequested extends event('OrderReplaceRequested', 1)<
  ReplaceTerms & Approval & { readonly revision: number }
> {}

/** The broker works it under new terms, as a new revision. `quantity` is the new total. */
export class OrderReplaced extends event('OrderReplaced', 1)<{
  readonly revision: number;
  readonly brokerOrderId: string;
  readonly quantity: string;
  readonly limitPrice?: string;
  readonly stopPrice?: string;
}> {}

/** The replace was refused, by the account or by the broker; the order goes on under its old terms. */
export class OrderReplaceRejected extends event('OrderReplaceRejected', 1)<{
  readonly revision: number;
  readonly reason: string;
}> {}

/** Its time in force is over, or it was too late or too dear to send. Terminal. */
export class OrderExpired extends event('OrderExpired', 1)<{ readonly reason: string }> {}

/** The broker is done with it for today; it may go on tomorrow. */
export class OrderDoneForDay extends event('OrderDoneForDay', 1)<Record<never, never>> {}

/** The broker has suspended it; it may go on. */
export class OrderSuspended extends event('OrderSuspended', 1)<{ readonly reason?: string }> {}

/** What was told to the order changes nothing in its state: the answer to a command that had nothing to do. */
export class OrderChangeIgnored extends event('OrderChangeIgnored', 1)<{
  /** Type of the event that it would have been. */
  readonly change: string;
  readonly reason: string;
}> {}

/** Every event of an Order. */
export type OrderEvent =
  | OrderPlaced
  | OrderApproved
  | OrderDenied
  | OrderSubmitted
  | OrderAccepted
  | OrderRejected
  | OrderOutcomeUnknown
  | OrderExecuted
  | OrderExecutionBusted
  | OrderExecutionCorrected
  | OrderCancelRequested
  | OrderCancelRejected
  | OrderCanceled
  | OrderReplaceRequested
  | OrderReplaced
  | OrderReplaceRejected
  | OrderExpired
  | OrderDoneForDay
  | OrderSuspended
  | OrderChangeIgnored;

/** What each tells an order, without what the order adds itself. */
type Told<E extends OrderEvent> = Omit<E['data'], 'cumulativeQuantity' | 'leavesQuantity' | 'was'>;
type ChangeOf<E extends OrderEvent> = E extends OrderEvent ? { readonly type: E['type']; readonly data: Told<E> } : never;

/** What the saga may tell an order: the event that it is to become, if the order's state allows. */
export type OrderChange = ChangeOf<
  Exclude<OrderEvent, OrderPlaced | OrderApproved | OrderCancelRequested | OrderReplaceRequested | OrderChangeIgnored>
>;
