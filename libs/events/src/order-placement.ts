import type { ReplacingTerms, RevisionTerms } from './broker-orders.ts';
import { event, type Written } from './event.ts';
import type { OrderChange } from './orders.ts';

/** A step of the saga: a stored event that is also a command to the gateway about one BrokerOrder. */
export interface Step {
  /** The BrokerOrder that it concerns; also the key of the record. */
  readonly target: string;
  /** The command's id: the same for every attempt, so that a repeat changes nothing. */
  readonly commandId: string;
  /** 1, plus one each time the deadline passed and the gateway did not have the step. */
  readonly attempt: number;
  /** When the saga checks whether the gateway has it; RFC 3339. */
  readonly dueAt: string;
}

/** Sends a revision to the brokerage. The first one is stored in the save that places the order. */
export class SubmitBrokerOrder extends event('SubmitBrokerOrder', 1)<Step & RevisionTerms> {}

/** Replaces the working BrokerOrder (`replaces`) with a new revision. */
export class ReplaceBrokerOrder extends event('ReplaceBrokerOrder', 1)<Step & ReplacingTerms> {}

/** Cancels a revision. */
export class CancelBrokerOrder extends event('CancelBrokerOrder', 1)<
  Step & Pick<RevisionTerms, 'orderId' | 'accountId' | 'revision'>
> {}

/**
 * A revision can trade no more while its replacement is at the gateway: `change` follows if the replacement does not
 * take effect.
 */
export class RevisionEnded extends event('RevisionEnded', 1)<{ readonly revision: number; readonly change: OrderChange }> {}

/** A budget is spent: an operator has to look. The saga resumes when the awaited answer arrives. */
export class PlacementStuck extends event('PlacementStuck', 1)<{
  /** For the operator, in words. */
  readonly waitingFor: string;
  readonly attempts: number;
  /** The step that the gateway does not have; absent when the saga does not wait for a step. */
  readonly commandId?: string;
}> {}

/** What an operator had to look at has arrived: the saga no longer waits for it. */
export class PlacementResumed extends event('PlacementResumed', 1)<Omit<PlacementStuck['data'], 'attempts'>> {}

/** The order is in a terminal state and nothing is reserved for it. A later execution is still booked. */
export class PlacementEnded extends event('PlacementEnded', 1)<{ readonly outcome: string }> {}

/** The steps: what the saga asks of the gateway. */
export const stepClasses = [SubmitBrokerOrder, ReplaceBrokerOrder, CancelBrokerOrder] as const;
/** One of them. */
export type StepEvent = InstanceType<(typeof stepClasses)[number]>;

/** The events of an OrderPlacement, by the service that writes them. */
export const placementWriters = {
  'command-api': [SubmitBrokerOrder],
  'order-saga': [...stepClasses, RevisionEnded, PlacementStuck, PlacementResumed, PlacementEnded],
} as const;

/** Every event of an OrderPlacement. */
export type OrderPlacementEvent = Written<typeof placementWriters>;
