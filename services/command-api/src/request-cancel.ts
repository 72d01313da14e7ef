import { Inject, Injectable } from '@nestjs/common';
import type { RecordedEvent } from '@tradecore/events';
import type { Caller } from '@tradecore/service';
import { OrderRequests } from './order-requests.ts';

/** A request to cancel an order. */
export interface RequestCancelCommand {
  readonly orderId: string;
  readonly caller: Caller;
  readonly reason?: string;
  /** Makes the request one, however often it is sent. */
  readonly idempotencyKey?: string;
}

/** Writes down that an order's client wants it cancelled. */
@Injectable()
export class RequestCancel {
  constructor(@Inject(OrderRequests) private readonly requests: OrderRequests) {}

  /**
   * Returns the order's stored events up to the request; the same again for a repeated key.
   * Throws what `OrderRequests.make`, `Order.requestCancel` and `EventStore.saveAggregate` throw.
   */
  execute({ reason, ...command }: RequestCancelCommand): Promise<readonly RecordedEvent[]> {
    const request = { ...command, name: 'cancel-order', body: { reason }, fields: ['reason'] };
    return this.requests.make(request, (order) => order.requestCancel(reason));
  }
}
