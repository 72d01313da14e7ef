import type { Approval, OrderEvent, OrderReplaceRequested, OrderTerms } from '@tradecore/events';
import { termsIn } from './order-terms.ts';
import { standingAfter, type OrderStanding } from './order-states.ts';

/**
 * An order after its events, without its executions. Immutable: decisions look ahead by folding the events they would
 * store.
 */
export interface OrderState extends OrderStanding {
  readonly orderId: string;
  /** As placed. */
  readonly placed: OrderTerms;
  /** In force: as placed, or as last replaced. */
  readonly terms: OrderTerms;
  /** The approval of the terms in force; absent before it, and for a denied order. */
  readonly approval?: Approval;
  /** The brokerage has acknowledged it. */
  readonly acknowledged?: true;
  /** Number of the revision in force, and of the last one requested. */
  readonly revision: number;
  readonly lastRevision: number;
  /** The replace that waits for its answer. */
  readonly requested?: OrderReplaceRequested['data'];
  /** Version of the cancel request that waits for its answer. */
  readonly cancelVersion?: number;
}

/** The state after an event with this version. Throws without a state before, except for OrderPlaced. */
export function orderAfter(before: OrderState | undefined, event: OrderEvent, { orderId, version }: At): OrderState {
  const standing = standingAfter(before, event);
  if (event.type === 'OrderPlaced') {
    return { ...standing, orderId, placed: event.data, terms: event.data, revision: 1, lastRevision: 1 };
  }
  const after = { ...(before as OrderState), ...standing, ...changesOf(before as OrderState, event, version) };
  return after.requested === undefined && after.cancelVersion === undefined ? after : withRequests(after);
}

/** The state without the requests that were answered. */
function withRequests({ requested, cancelVersion, ...state }: OrderState): OrderState {
  return {
    ...state,
    ...(requested && state.replacing && { requested }),
    ...(cancelVersion !== undefined && state.canceling && { cancelVersion }),
  };
}

/** The order, and the version of the event in it. */
interface At {
  readonly orderId: string;
  readonly version: number;
}

function changesOf(state: OrderState, event: OrderEvent, version: number): Partial<OrderState> {
  switch (event.type) {
    case 'OrderApproved': {
      const { accountVersion: _, ...approval } = event.data;
      return { approval };
    }
    case 'OrderAccepted':
      return { acknowledged: true };
    case 'OrderReplaceRequested':
      return { lastRevision: event.data.revision, requested: event.data };
    case 'OrderCancelRequested':
      return { cancelVersion: version };
    case 'OrderReplaced': {
      const terms = { ...state.terms, ...termsIn(event.data) };
      const approval = state.requested && approvalIn(state.requested);
      return { revision: event.data.revision, terms, ...(approval && { approval }) };
    }
    default:
      return {};
  }
}

/** The approval in a replace request, without the terms. */
function approvalIn(requested: OrderReplaceRequested['data']): Approval {
  const { referencePrice, referencePriceAt, reservePrice, collarPrice, goodUntil } = requested;
  return {
    reservePrice,
    ...(referencePrice !== undefined && { referencePrice }),
    ...(referencePriceAt !== undefined && { referencePriceAt }),
    ...(collarPrice !== undefined && { collarPrice }),
    ...(goodUntil !== undefined && { goodUntil }),
  };
}
