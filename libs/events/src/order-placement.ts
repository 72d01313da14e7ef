import type { ReplacingTerms, RevisionTerms } from './broker-orders.ts';
import { event } from './event.ts';
import type { OrderChange } from './orders.ts';

/** A step of the saga: a stored event that is also a command to the gateway about one BrokerOrder. */
export interface Step {
  /** The BrokerOrder that it is about; also the key of the record. */
  readonly target: string;
  /** The command's name: the same for every attempt, so that a repeat changes nothing. */
  readonly commandId: string;
  /** 1, then one more each time the deadline passed and the gateway did not have it. */
  readonly attempt: number;
  /** When it is asked whether the gateway has it; RFC 3339. */
  readonly dueAt: string;
}

/** Sends a revision to the brokerage. The first one is stored in the save that places the order. */
export class SubmitBrokerOrder extends event('SubmitBrokerOrder', 1)<Step & RevisionTerms> {}

/** Replaces the working BrokerOrder (`replaces`) by a new revision. */
export class ReplaceBrokerOrder extends event('ReplaceBrokerOrder', 1)<Step & ReplacingTerms> {}

/** Cancels a revision. */
export class CancelBrokerOrder extends event('CancelBrokerOrder', 1)<
  Step & Pick<RevisionTerms, 'orderId' | 'accountId' | 'revision'>
> {}

/** A revision can trade no more while its replacement is at the gateway: `change` follows if the replacement does not come to hold. */
export class RevisionEnded extends event('RevisionEnded', 1)<{ readonly revision: number; readonly change: OrderChange }> {}

/** A budget is spent: an operator has to look. The saga goes on when what it waits for comes. */
export class PlacementStuck extends event('PlacementStuck', 1)<{
  /** In words for whoever looks. */
  readonly waitingFor: string;
  readonly attempts: number;
  /** The step that the gateway does not have; absent where it is not a step that is waited for. */
  readonly commandId?: string;
}> {}

/** What an operator had to look at has come: the saga waits for it no more. */
export class PlacementResumed extends event('PlacementResumed', 1)<Omit<PlacementStuck['data'], 'attempts'>> {}

/** The order is in a terminal state and nothing is reserved for it. A later execution is booked all the same. */
export class PlacementEnded extends event('PlacementEnded', 1)<{ readonly outcome: string }> {}

/** Every event of an OrderPlacement. */
export type OrderPlacementEvent =
  SubmitBrokerOrder | ReplaceBrokerOrder | CancelBrokerOrder | RevisionEnded | PlacementStuck | PlacementResumed | PlacementEnded;
