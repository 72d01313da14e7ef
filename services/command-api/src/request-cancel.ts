import { Inject, Injectable } from '@nestjs/common';
import type { RecordedEvent } from '@tradecore/events';
import type { Caller } from '@tradecore/service';
import { OrderWishes } from './order-wishes.ts';

/** A wish to cancel an order. */
export interface RequestCancelCommand {
  readonly orderId: string;
  readonly caller: Caller;
  readonly reason?: string;
  /** Makes the wish one, however often it is sent. */
  readonly idempotencyKey?: string;
}

/** Writes down that an order's client wants it cancelled. */
@Injectable()
export class RequestCancel {
  constructor(@Inject(OrderWishes) private readonly wishes: OrderWishes) {}

  /**
   * Returns the order's stored events up to the request; the same again for a repeated key.
   * Throws what `OrderWishes.make`, `Order.requestCancel` and `EventStore.saveAggregate` throw.
   */
  execute({ reason, ...command }: RequestCancelCommand): Promise<readonly RecordedEvent[]> {
    const wish = { ...command, name: 'cancel-order', body: { reason }, fields: ['reason'] };
    return this.wishes.make(wish, (order) => order.requestCancel(reason));
  }
}
