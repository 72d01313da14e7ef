import { Inject, Injectable } from '@nestjs/common';
import type { TagTest } from '@tradecore/api';
import { Busy, ConcurrencyException, EventStore, type LoadedMany, type PartToSave } from '@tradecore/event-sourcing';
import { WrittenText, type RecordedEvent } from '@tradecore/events';
import type { KnownCaller } from '@tradecore/service';
import { extendContext } from '@tradecore/telemetry';
import { Order } from '@tradecore/trading';
import { mustMatch } from '../if-match.ts';
import { keyedCommandOf, OwnOrder, type OrderRequest } from './own-order.ts';

/** A request to cancel an order. */
export interface RequestCancelCommand {
  readonly orderId: string;
  readonly caller: KnownCaller;
  readonly reason?: string;
  /** The version that the request is based on; any when absent. */
  readonly ifMatch?: TagTest | undefined;
  /** The same key is the same request, however often it is sent. */
  readonly idempotencyKey?: string;
}

/** Stores a client's request to cancel an order. Never refused because of the market, a kill switch or the account. */
@Injectable()
export class RequestCancel {
  constructor(
    @Inject(EventStore) private readonly eventStore: EventStore,
    @Inject(OwnOrder) private readonly ownOrder: OwnOrder,
  ) {}

  /**
   * Returns the order's stored events up to the request; the same for a repeated key. Throws 412 if the order's version
   * does not match `ifMatch`, `OrderNotFound`, `IdempotencyKeyReused`, and what `Order.requestCancel` and
   * `EventStore.decideLocked` throw.
   */
  async execute({ reason, ifMatch, ...command }: RequestCancelCommand): Promise<readonly RecordedEvent[]> {
    const request = { ...command, name: 'cancel-order' as const, body: { reason }, fields: ['reason'] };
    const account = await this.ownOrder.accountOf(request);
    const commandId = keyedCommandOf(request)?.commandId;
    const event = await extendContext({ account, ...(commandId !== undefined && { commandId }) }, () =>
      this.#store(request, { reason: reason === undefined ? undefined : new WrittenText(reason), ifMatch }),
    );
    return this.ownOrder.historyUpTo(event, request);
  }

  /**
   * The event of the request, stored now or before. The saga also writes to the order: after one conflict this decides
   * under the order's lock.
   */
  async #store(
    request: OrderRequest,
    { reason, ifMatch }: Pick<RequestCancelCommand, 'ifMatch'> & { readonly reason: WrittenText | undefined },
  ): Promise<RecordedEvent> {
    const wanted = [{ type: Order, id: request.orderId }];
    const lookups = [keyedCommandOf(request)?.eventId].filter((id) => id !== undefined);
    let before: RecordedEvent | undefined;
    const decide = (loaded: LoadedMany): PartToSave[] => {
      [before] = loaded.events.values();
      if (before) return [];
      const order = loaded.get(Order, request.orderId).aggregate;
      const expected = order.version;
      mustMatch(ifMatch, { version: expected, epoch: loaded.epoch }, 'order-changed');
      order.requestCancel(reason);
      const target = { type: Order.type, id: request.orderId };
      return [{ ...target, expected, events: this.eventStore.prepare(target, order.uncommittedEvents) }];
    };
    const save = async () => {
      const parts = decide(await this.eventStore.loadMany(wanted, lookups));
      return parts.length === 0 ? undefined : this.eventStore.savePrepared(parts, { onBusy: 'refuse' });
    };
    const saved = await save().catch((error: unknown) => {
      if (!(error instanceof ConcurrencyException || error instanceof Busy)) throw error;
      return this.eventStore.decideLocked(wanted, decide, { lookups });
    });
    const event = before ?? saved?.events[0];
    if (!event) throw new Error('a cancel stored nothing');
    return event;
  }
}
