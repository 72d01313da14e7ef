import { BaseAggregate, DomainError } from '@tradecore/event-sourcing';
import { OrderCancelRequested, OrderPlaced, type OrderEvent, type OrderTerms } from '@tradecore/events';
import { canonicalTerms, differingFields, termFaults, type TermFault } from './order-terms.ts';

/** One client's order: accepted once, under one name, with terms that never change. */
export class Order extends BaseAggregate<OrderEvent> {
  static readonly type = 'Order';

  private terms: OrderTerms | undefined;
  private cancelRequested = false;

  /**
   * Accepts the order. The same terms again, decimals normalised, change nothing: no event, so that a client may repeat
   * for as long as it does not know. Throws `InvalidOrderTerms`, or `OrderAlreadyPlaced` for other terms under the same name.
   */
  place(terms: OrderTerms): void {
    const faults = termFaults(terms);
    if (faults.length > 0) throw new InvalidOrderTerms(faults);
    const asked = canonicalTerms(terms);
    if (this.terms === undefined) return this.apply(new OrderPlaced(asked));
    const differing = differingFields(this.terms, asked);
    if (differing.length > 0) throw new OrderAlreadyPlaced(this.id, differing);
  }

  /** Asks to cancel: the broker decides. Throws `OrderNotFound` before it is placed, `CancelAlreadyRequested` the second time. */
  requestCancel(reason?: string): void {
    if (this.terms === undefined) throw new OrderNotFound(this.id);
    if (this.cancelRequested) throw new CancelAlreadyRequested(this.id);
    this.apply(new OrderCancelRequested(reason === undefined ? {} : { reason }));
  }

  /** The account that owns the order; undefined before it is placed. */
  get accountId(): string | undefined {
    return this.terms?.accountId;
  }

  onOrderPlaced({ data }: OrderPlaced): void {
    this.terms = data;
  }

  onOrderCancelRequested(_: OrderCancelRequested): void {
    this.cancelRequested = true;
  }
}

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

/** The name is taken by an order with other terms; `details.differingFields` names them, `details.orderId` the order. */
export class OrderAlreadyPlaced extends DomainError {
  readonly code = 'order-already-placed';
  readonly kind = 'conflict';
  constructor(orderId: string, differing: readonly (keyof OrderTerms)[]) {
    super(`An order of this name exists and differs in ${differing.join(', ')}.`, {
      orderId,
      differingFields: differing,
      errors: differing.map((field) => ({
        pointer: `#/${field}`,
        code: 'differs',
        detail: 'differs from the order that has this name',
      })),
    });
  }
}

/** There is no such order, or none that the caller may see: the two look the same. */
export class OrderNotFound extends DomainError {
  readonly code = 'order-not-found';
  readonly kind = 'not-found';
  constructor(orderId: string) {
    super('There is no such order.', { orderId });
  }
}

/** Somebody asked before; the answer to that is on its way. */
export class CancelAlreadyRequested extends DomainError {
  readonly code = 'cancel-already-requested';
  readonly kind = 'conflict';
  constructor(orderId: string) {
    super('A cancel of this order was already requested.', {
      orderId,
      errors: [{ pointer: '#', code: 'already-requested', detail: 'repeats an earlier request' }],
    });
  }
}
