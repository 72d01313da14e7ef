import { DomainError } from '@tradecore/event-sourcing';
import type { OrderTerms, ReplaceTerms } from '@tradecore/events';
import type { RefusalCode } from './order-transitions.ts';
import type { OrdStatus } from './order-status.ts';
import type { TermFault } from './order-terms.ts';

/** The terms break a rule; `details.errors` points at each field. */
export class InvalidOrderTerms extends DomainError {
  readonly code = 'invalid-order-terms';
  readonly kind = 'invalid';
  constructor(faults: readonly TermFault[]) {
    super(`The terms of the order break ${faults.length === 1 ? 'a rule' : 'rules'}.`, {
      errors: faults.map(({ field, code, detail }) => ({ pointer: `#/${field}`, code, detail })),
    });
  }
}

/**
 * The client order id belongs to an order with other terms; `details.differingFields` names them, `details.orderId` the
 * order.
 */
export class OrderAlreadyPlaced extends DomainError {
  readonly code = 'order-already-placed';
  readonly kind = 'conflict';
  constructor(orderId: string, differing: readonly (keyof OrderTerms)[]) {
    super(`An order with this clientOrderId exists and differs in ${differing.join(', ')}.`, {
      orderId,
      differingFields: differing,
      errors: differing.map((field) => ({
        pointer: `#/${field}`,
        code: 'differs',
        detail: 'differs from the order with this clientOrderId',
      })),
    });
  }
}

/** Not found, or not visible to the caller: the two look the same. */
export class OrderNotFound extends DomainError {
  readonly code = 'order-not-found';
  readonly kind = 'not-found';
  constructor(orderId: string) {
    super('Order not found, or not visible to you.', { orderId });
  }
}

/** The order was approved or denied when it was placed. */
export class OrderAlreadyDecided extends DomainError {
  readonly code = 'order-already-decided';
  readonly kind = 'conflict';
  constructor(orderId: string, status: OrdStatus) {
    super('The order was already decided when it was placed.', { orderId, status });
  }
}

/** A cancel was already requested; its answer is on its way. */
export class CancelAlreadyRequested extends DomainError {
  readonly code = 'cancel-already-requested';
  readonly kind = 'conflict';
  constructor(orderId: string, status?: OrdStatus) {
    super('A cancel of this order was already requested.', {
      orderId,
      status,
      errors: [{ pointer: '#', code: 'already-requested', detail: 'repeats an earlier request' }],
    });
  }
}

/** The order has ended; `details.status` says how. */
export class OrderNotCancelable extends DomainError {
  readonly code = 'order-not-cancelable';
  readonly kind = 'refused';
  constructor(orderId: string, status: OrdStatus, why: string) {
    super(`The order can't be cancelled: ${why}.`, { orderId, status });
  }
}

/** A replace was already requested; its answer is on its way. */
export class ReplaceAlreadyRequested extends DomainError {
  readonly code = 'replace-already-requested';
  readonly kind = 'conflict';
  constructor(orderId: string, status: OrdStatus) {
    super('A replace of this order was already requested.', { orderId, status });
  }
}

/** The order can't be replaced in its current state; `details.status` is that state. */
export class OrderNotReplaceable extends DomainError {
  readonly code = 'order-not-replaceable';
  readonly kind = 'refused';
  constructor(orderId: string, status: OrdStatus, why: string) {
    super(`The order can't be replaced: ${why}.`, { orderId, status });
  }
}

/** The order has its maximum of revisions; refused ones count. `details` has both figures. */
export class TooManyRevisions extends DomainError {
  readonly code = 'too-many-revisions';
  readonly kind = 'refused';
  constructor(orderId: string, revisions: number, limit: number) {
    super(`The order has ${revisions} revisions; the limit is ${limit}. Cancel it and place another.`, {
      orderId,
      revisions,
      limit,
    });
  }
}

/** The new quantity is a total and must be more than what has traded. */
export class ReplaceBelowFilled extends DomainError {
  readonly code = 'replace-below-filled';
  readonly kind = 'refused';
  constructor(orderId: string, quantity: string, filledQuantity: string) {
    super(`The new quantity ${quantity} must be more than the filled quantity ${filledQuantity}.`, {
      orderId,
      quantity,
      filledQuantity,
      errors: [{ pointer: '#/quantity', code: 'below-filled', detail: `must be more than ${filledQuantity}` }],
    });
  }
}

/** The requested terms are already in force. */
export class ReplaceChangesNothing extends DomainError {
  readonly code = 'replace-changes-nothing';
  readonly kind = 'invalid';
  constructor(orderId: string, changes: ReplaceTerms) {
    super('The requested terms are already in force.', {
      orderId,
      errors: Object.keys(changes).map((field) => ({ pointer: `#/${field}`, code: 'unchanged', detail: 'is unchanged' })),
    });
  }
}

/** The refusal for each transition of the state table. */
export const refusals: Readonly<
  Record<Exclude<RefusalCode, 'order-already-placed'>, (orderId: string, status: OrdStatus, why: string) => DomainError>
> = {
  'order-already-decided': (orderId, status) => new OrderAlreadyDecided(orderId, status),
  'cancel-already-requested': (orderId, status) => new CancelAlreadyRequested(orderId, status),
  'order-not-cancelable': (orderId, status, why) => new OrderNotCancelable(orderId, status, why),
  'replace-already-requested': (orderId, status) => new ReplaceAlreadyRequested(orderId, status),
  'order-not-replaceable': (orderId, status, why) => new OrderNotReplaceable(orderId, status, why),
};
