import { Inject, Injectable } from '@nestjs/common';
import { DomainError } from '@tradecore/event-sourcing';
import type { Denial, RecordedEvent, ReplaceTerms } from '@tradecore/events';
import { RequestRefused, type Caller } from '@tradecore/service';
import type { Order } from '@tradecore/trading';
import { OrderRisk } from './order-risk.ts';
import { OrderRequests } from './order-requests.ts';

/** A request for other terms. */
export interface RequestReplaceCommand {
  readonly orderId: string;
  readonly caller: Caller;
  /** Canonical; what is absent stays. */
  readonly changes: ReplaceTerms;
  /** The version that the request is based on; any when absent. */
  readonly expectedVersion?: number;
  /** Makes the request one, however often it is sent. */
  readonly idempotencyKey?: string;
}

/** Writes down that an order's client wants other terms for it, after the rules have looked at them. */
@Injectable()
export class RequestReplace {
  constructor(
    @Inject(OrderRequests) private readonly requests: OrderRequests,
    @Inject(OrderRisk) private readonly risk: OrderRisk,
  ) {}

  /**
   * Returns the order's stored events up to the request; the same again for a repeated key. Throws 412 when the order has changed since
   * `expectedVersion`, `ReplaceDenied`, and what `OrderRequests.make`, `Order.requestReplace` and `EventStore.saveAggregate` throw.
   */
  execute({ changes, expectedVersion, ...command }: RequestReplaceCommand): Promise<readonly RecordedEvent[]> {
    const request = { ...command, name: 'replace-order', body: changes, fields: ['quantity', 'limitPrice', 'stopPrice'] };
    return this.requests.make(request, async (order) => {
      if (expectedVersion !== undefined && order.version !== expectedVersion) throw changedSince(order.version);
      await this.#replace(order, changes);
    });
  }

  /** The rules look at the new terms as at those of a new order, kill switches too: at the broker they are one. */
  async #replace(order: Order, changes: ReplaceTerms): Promise<void> {
    const assessment = await this.risk.assess(order.termsAfter(changes));
    if ('denied' in assessment) throw new ReplaceDenied(assessment.denied);
    order.requestReplace(changes, assessment.approved);
  }
}

/** A risk rule refuses the new terms; the order goes on under its old ones. `details` are the rule and its figures. */
export class ReplaceDenied extends DomainError {
  readonly code = 'replace-denied';
  readonly kind = 'refused';
  constructor({ rule, detail, figures }: Denial) {
    super(detail, { rule, figures });
  }
}

const changedSince = (version: number): RequestRefused =>
  new RequestRefused(412, 'order-changed', 'The order has changed since the version that If-Match names.', {
    extensions: { version },
    errors: [
      {
        pointer: '#/if-match',
        in: 'header',
        code: 'order-changed',
        detail: `is not the ETag "${version}" that the order has now`,
      },
    ],
  });
