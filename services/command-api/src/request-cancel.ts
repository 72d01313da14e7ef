import { Inject, Injectable } from '@nestjs/common';
import { DomainError, EventStore, retryOnConflict } from '@tradecore/event-sourcing';
import { causedEventId, derivedId, type RecordedEvent } from '@tradecore/events';
import { extendContext } from '@tradecore/telemetry';
import { Order, OrderNotFound } from '@tradecore/trading';

/** A wish to cancel an order. */
export interface RequestCancelCommand {
  readonly orderId: string;
  /** Accounts of whoever asks: an order of another account is not found. */
  readonly accounts: readonly string[];
  readonly reason?: string;
  /** Makes the wish one, however often it is sent. */
  readonly idempotencyKey?: string;
}

/** Writes down that an order's client wants it cancelled. */
@Injectable()
export class RequestCancel {
  constructor(@Inject(EventStore) private readonly eventStore: EventStore) {}

  /**
   * Returns the order's stored events up to the request; the same again for a repeated key.
   * Throws `IdempotencyKeyReused` and what `Order.requestCancel` and `EventStore.saveAggregate` throw.
   */
  async execute(command: RequestCancelCommand): Promise<readonly RecordedEvent[]> {
    return retryOnConflict(async () => {
      const order = await this.eventStore.loadAggregate(Order, command.orderId);
      const { accountId } = order;
      if (accountId === undefined || !command.accounts.includes(accountId)) throw new OrderNotFound(command.orderId);
      const commandId = commandIdOf(command);
      return extendContext({ account: accountId, ...(commandId && { commandId }) }, () =>
        this.request(order, command, commandId),
      );
    });
  }

  private async request(order: Order, { reason }: RequestCancelCommand, commandId?: string): Promise<readonly RecordedEvent[]> {
    const history = await this.eventStore.readEvents(order.id, { to: order.version });
    const own = commandId && causedEventId(commandId, order.id, 0);
    const handled = history.findIndex(({ id }) => id === own);
    if (handled >= 0) {
      if ((history[handled]?.data as { reason?: string }).reason !== reason) throw new IdempotencyKeyReused();
      return history.slice(0, handled + 1);
    }
    order.requestCancel(reason);
    const { events } = await this.eventStore.saveAggregate(order);
    return [...history, ...events];
  }
}

const commandIdOf = ({ orderId, idempotencyKey }: RequestCancelCommand): string | undefined =>
  idempotencyKey === undefined ? undefined : derivedId('cancel-order', orderId, idempotencyKey);

/** The key of an earlier request came with another body. */
export class IdempotencyKeyReused extends DomainError {
  readonly code = 'idempotency-key-reused';
  readonly kind = 'conflict';
  constructor() {
    super('This Idempotency-Key was used for a request with another reason.', {
      errors: [{ pointer: '#/reason', code: 'differs', detail: 'differs from the request that has this key' }],
    });
  }
}
