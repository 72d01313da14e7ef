import { Inject, Injectable } from '@nestjs/common';
import { EventStore, retryOnConflict } from '@tradecore/event-sourcing';
import { causedEventId, derivedId, type RecordedEvent } from '@tradecore/events';
import type { Caller } from '@tradecore/service';
import { extendContext } from '@tradecore/telemetry';
import { Order, OrderNotFound } from '@tradecore/trading';
import { AccountAccess } from './account-access.ts';
import { differingFields, IdempotencyKeyReused } from './asked.ts';
import { historyOf } from './order-history.ts';

/** What a client wants of an order that is there. */
export interface OrderRequest {
  readonly orderId: string;
  readonly caller: Caller;
  /** `cancel-order`: with the key, the command's name. */
  readonly name: string;
  /** Makes the request one, however often it is sent. */
  readonly idempotencyKey?: string;
  /** What the first event of the request says, and the fields of the body in which a repeat may not differ from it. */
  readonly body: object;
  readonly fields: readonly string[];
}

/** What every request has in common: whose order it is, whether it came before, and what is told of it. */
@Injectable()
export class OrderRequests {
  constructor(
    @Inject(EventStore) private readonly eventStore: EventStore,
    @Inject(AccountAccess) private readonly access: AccountAccess,
  ) {}

  /**
   * Lets `decide` change the order and stores that; returns the order's stored events up to there, the same again for a repeated key.
   * Throws `OrderNotFound` also for an order of another's account, `IdempotencyKeyReused`, and what `decide` throws.
   */
  async make(request: OrderRequest, decide: (order: Order) => void | Promise<void>): Promise<readonly RecordedEvent[]> {
    return retryOnConflict(async () => {
      const order = await this.eventStore.loadAggregate(Order, request.orderId);
      const { accountId } = order;
      if (accountId === undefined || !(await this.access.mayUse(request.caller, accountId)))
        throw new OrderNotFound(request.orderId);
      const commandId = commandIdOf(request);
      const history = await historyOf(this.eventStore, order.id, { to: order.version });
      const before = commandId && upTo(history, request, causedEventId(commandId, order.id, 0));
      if (before) return before;
      await decide(order);
      const save = () => this.eventStore.saveAggregate(order);
      const { outcome, events } = await extendContext({ account: accountId, ...(commandId && { commandId }) }, save);
      if (outcome === 'stored') return [...history, ...events];
      // The same request, sent at the same time, was faster.
      const known = await historyOf(this.eventStore, order.id);
      return upTo(known, request, events[0]?.id) ?? known;
    });
  }
}

/** The history up to the event of a request that came before; undefined when it did not. */
function upTo(
  history: readonly RecordedEvent[],
  { body, fields }: OrderRequest,
  id: string | undefined,
): readonly RecordedEvent[] | undefined {
  const handled = history.findIndex((event) => event.id === id);
  if (handled < 0) return undefined;
  const differing = differingFields(body, history[handled]?.data ?? {}, fields);
  if (differing.length > 0) throw new IdempotencyKeyReused(differing);
  return history.slice(0, handled + 1);
}

const commandIdOf = ({ name, orderId, idempotencyKey }: OrderRequest): string | undefined =>
  idempotencyKey === undefined ? undefined : derivedId(name, orderId, idempotencyKey);
