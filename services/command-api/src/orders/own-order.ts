import { Inject, Injectable } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import { causedEventId, derivedId, type RecordedEvent, type WithTexts } from '@tradecore/events';
import type { KnownCaller } from '@tradecore/service';
import { Order, OrderNotFound } from '@tradecore/trading';
import { AccountAccess } from '../account-access.ts';
import { mustBeSame } from '../idempotency-key.ts';
import { historyOf } from './order-history.ts';

/** A request about an existing order. */
export interface OrderRequest {
  readonly orderId: string;
  readonly caller: KnownCaller;
  /** With the key, identifies the command. */
  readonly name: 'cancel-order' | 'replace-order';
  /** The same key is the same request, however often it is sent. */
  readonly idempotencyKey?: string;
  /** The data of the request's event, and the fields in which a repeat may not differ. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly fields: readonly string[];
}

/** The common part of requests about an order: access, repeats, and the history to answer. */
@Injectable()
export class OwnOrder {
  constructor(
    @Inject(EventStore) private readonly eventStore: EventStore,
    @Inject(AccountAccess) private readonly access: AccountAccess,
  ) {}

  /** The account of the order. Throws `OrderNotFound`, also for a foreign order. */
  async accountOf({ orderId, caller, name }: Pick<OrderRequest, 'orderId' | 'caller' | 'name'>): Promise<string> {
    const [first] = await this.eventStore.readEvents(orderId, { to: 1 });
    const accountId = first?.aggregateType === Order.type ? (first.data as { accountId: string }).accountId : undefined;
    const routeClass = name === 'cancel-order' ? 'cancels' : 'orders';
    if (accountId === undefined || !(await this.access.admits(caller, accountId, routeClass))) throw new OrderNotFound(orderId);
    return accountId;
  }

  /** With the texts of what stands for them. */
  withTexts<T>(value: T): Promise<WithTexts<T>> {
    return this.eventStore.withTexts(value);
  }

  /**
   * The order's stored events up to the request's event. Throws `IdempotencyKeyReused` if that had a different body.
   */
  async historyUpTo(event: RecordedEvent, { body, fields }: Pick<OrderRequest, 'body' | 'fields'>): Promise<RecordedEvent[]> {
    await mustBeSame(this.eventStore, { asked: body, stored: event.data }, fields);
    return historyOf(this.eventStore, event.aggregateId, { to: event.aggregateVersion });
  }
}

/** The command of a request with a key, of which a repeat is recognised by the id of its first event; undefined without a key. */
export function keyedCommandOf({
  name,
  orderId,
  idempotencyKey,
}: OrderRequest): { commandId: string; eventId: string } | undefined {
  if (idempotencyKey === undefined) return undefined;
  const commandId = derivedId(name, orderId, idempotencyKey);
  return { commandId, eventId: causedEventId(commandId, orderId, 0) };
}
