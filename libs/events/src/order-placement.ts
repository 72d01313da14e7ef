import type { RevisionTerms } from './broker-orders.ts';
import { event } from './event.ts';
import type { Execution, OrderChange, OrderApproved, OrderReplaceRequested, OrderTerms } from './orders.ts';

/** A step of the saga: a stored event that is also a command to the aggregate `target`. */
export interface Step {
  /** The aggregate that is asked; also the key of the record. */
  readonly target: string;
  /** The command's name: the same for every attempt, so that a repeat changes nothing. */
  readonly commandId: string;
  /** 1, then one more each time the deadline passed without an answer. */
  readonly attempt: number;
  /** When it is asked again without an answer; RFC 3339. */
  readonly dueAt: string;
}

/** The saga of an order begins, with what it has to know for its whole life. */
export class PlacementStarted extends event('PlacementStarted', 1)<OrderApproved['data'] & { readonly orderId: string }> {}

/** Asks the account to hold back money or shares. */
export class ReservationAsked extends event('ReservationAsked', 1)<
  Step & {
    readonly orderId: string;
    readonly symbol: string;
    readonly side: OrderTerms['side'];
    readonly quantity: string;
    readonly unitPrice: string;
  }
> {}

/** Asks the account to hold back for `quantity` open shares at `unitPrice` from now on. */
export class ReservationChangeAsked extends event('ReservationChangeAsked', 1)<
  Step & { readonly orderId: string; readonly quantity: string; readonly unitPrice: string }
> {}

/** Asks the account to book an execution. */
export class SettlementAsked extends event('SettlementAsked', 1)<
  Step & Execution & { readonly orderId: string; readonly symbol: string; readonly side: OrderTerms['side'] }
> {}

/** Asks the account to free what is left of the reservation. */
export class ReleaseAsked extends event('ReleaseAsked', 1)<Step & { readonly orderId: string }> {}

/** Asks the gateway to send a revision to the broker. */
export class SubmissionAsked extends event('SubmissionAsked', 1)<Step & RevisionTerms> {}

/** Asks the gateway to replace the working revision (`replaces`, a BrokerOrder id) by this one. */
export class ReplacementAsked extends event('ReplacementAsked', 1)<Step & RevisionTerms & { readonly replaces: string }> {}

/** Asks the gateway to cancel a revision. */
export class CancellationAsked extends event('CancellationAsked', 1)<Step & { readonly orderId: string }> {}

/** Tells the order what happened. */
export class OrderChangeAsked extends event('OrderChangeAsked', 1)<Step & { readonly change: OrderChange }> {}

/** The client wants it cancelled. `version` is the order's: a request that is heard again is an old one. */
export class CancelWished extends event('CancelWished', 1)<{ readonly version: number }> {}

/** The client wants other terms, as the revision `revision`. */
export class ReplaceWished extends event('ReplaceWished', 1)<OrderReplaceRequested['data'] & { readonly version: number }> {}

/** A revision can trade no more. The order is told `change` when no other revision can trade for it. */
export class RevisionEnded extends event('RevisionEnded', 1)<{ readonly revision: number; readonly change: OrderChange }> {}

/** A step was answered. `about` is the type of what was heard, `from` the aggregate that said it. */
export class AnswerNoted extends event('AnswerNoted', 1)<{
  readonly about: string;
  readonly from: string;
  readonly commandId: string;
}> {}

/** A step's deadlines and retries are spent: somebody has to look. The saga goes on when the answer comes. */
export class PlacementStuck extends event('PlacementStuck', 1)<{
  /** In words for whoever looks. */
  readonly waitingFor: string;
  readonly attempts: number;
  /** The step that nobody answers; absent where it is not a step that is waited for. */
  readonly commandId?: string;
}> {}

/** The order is in a terminal state, everything is settled and released. A later execution is settled all the same. */
export class PlacementEnded extends event('PlacementEnded', 1)<{ readonly outcome: string }> {}

/** Every event of an OrderPlacement. */
export type OrderPlacementEvent =
  | PlacementStarted
  | ReservationAsked
  | ReservationChangeAsked
  | SettlementAsked
  | ReleaseAsked
  | SubmissionAsked
  | ReplacementAsked
  | CancellationAsked
  | OrderChangeAsked
  | CancelWished
  | ReplaceWished
  | RevisionEnded
  | AnswerNoted
  | PlacementStuck
  | PlacementEnded;
