import {
  createEventStore,
  type LoadedMany,
  type PartToSave,
  type PostgresEventStore,
  type WarmAggregate,
} from '@tradecore/event-sourcing';
import {
  brokerOrderIdFor,
  BrokerOrderAccepted,
  BrokerOrderCanceled,
  BrokerOrderLapsed,
  BrokerOrderRejected,
  catalogue,
  executionIdFor,
  ExecutionReported,
  freshId,
  placementIdFor,
  type BrokerOrderEvent,
  type Event,
  type RecordedEvent,
} from '@tradecore/events';
import { runInContext } from '@tradecore/telemetry';
import { Account, decidePlacement, Order, OrderPlacement, type PlacementInput } from '@tradecore/trading';
import type { DataSource } from 'typeorm';

/** The brokerage's answers for revision 1 of an order. */
export type Word =
  | { readonly says: 'accepted' }
  | { readonly says: 'rejected'; readonly code: string; readonly reason: string }
  | { readonly says: 'lapsed'; readonly reason: 'time-in-force' | 'collar' | 'trading-halted' }
  | { readonly says: 'canceled' }
  | { readonly says: 'executed'; readonly quantity: string; readonly price: string };

/** The brokerage's answers for one order, in sequence. */
export interface Words {
  readonly orderId: string;
  readonly words: readonly Word[];
}

/**
 * Plays the saga of one account: loads under locks, decides, saves the order, the account and the placement together.
 */
export class Settlements {
  readonly #store: PostgresEventStore;
  readonly #accountId: string;
  /** As last committed: the next load reads only later events. */
  #warm: WarmAggregate<Account> | undefined;

  constructor(dataSource: DataSource, accountId: string) {
    this.#store = createEventStore({ dataSource, catalogue });
    this.#accountId = accountId;
  }

  /** One save for all: up to 25 orders that are accepted and filled at once. */
  async settle(...orders: readonly Words[]): Promise<void> {
    const aggregates = orders.flatMap(({ orderId }) => [
      { type: Order, id: orderId },
      { type: OrderPlacement, id: placementIdFor(orderId) },
    ]);
    const context = { correlationId: freshId(), account: this.#accountId, actor: 'order-saga' };
    const wanted = [{ type: Account, id: this.#accountId, warm: this.#warm }, ...aggregates];
    let account: WarmAggregate<Account> | undefined;
    this.#warm = undefined; // the rolled-back state must not be used again
    const { events } = await runInContext(context, () =>
      this.#store.decideLocked(wanted, (loaded) => {
        account = loaded.get(Account, this.#accountId);
        return this.#decide(loaded, orders);
      }),
    );
    const last = events.findLast(({ aggregateId }) => aggregateId === this.#accountId);
    if (account && last) account.lastEventId = last.id;
    this.#warm = account;
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #decide(loaded: LoadedMany, orders: readonly Words[]): PartToSave[] {
    const account = loaded.get(Account, this.#accountId).aggregate;
    const changed = new Map<string, { type: string; id: string; expected: number; events: Event[] }>();
    const record = <A extends Account | Order | OrderPlacement>(type: string, aggregate: A, events: readonly Event[]): void => {
      if (events.length === 0) return;
      const part = changed.get(aggregate.id) ?? { type, id: aggregate.id, expected: aggregate.version, events: [] };
      changed.set(aggregate.id, part);
      part.events.push(...events);
      aggregate.record(events as never);
    };
    for (const { orderId, words } of orders) {
      const order = loaded.get(Order, orderId).aggregate;
      const placement = loaded.get(OrderPlacement, placementIdFor(orderId)).aggregate;
      for (const [index, word] of words.entries()) {
        const input = recorded(order, eventOf(order, word), index + 1, loaded.now);
        const decided = decidePlacement(input, { order, account, placement }, loaded.now);
        record(Order.type, order, decided.order);
        record(Account.type, account, decided.account);
        record(OrderPlacement.type, placement, decided.placement);
      }
    }
    return [...changed.values()].map((part) => ({ ...part, events: this.#store.prepare(part, part.events) }));
  }
}

function eventOf({ id: orderId, terms }: Order, word: Word): BrokerOrderEvent {
  if (!terms) throw new Error(`order ${orderId} was never placed`);
  const of = { orderId, accountId: terms.accountId, revision: 1 } as const;
  switch (word.says) {
    case 'accepted':
      return new BrokerOrderAccepted({ ...of, brokerageOrderId: freshId(), found: false });
    case 'rejected':
      return new BrokerOrderRejected({ ...of, code: word.code, reason: word.reason });
    case 'lapsed':
      return new BrokerOrderLapsed({ ...of, reason: word.reason });
    case 'canceled':
      return new BrokerOrderCanceled({ ...of, atBrokerage: true } as never);
    case 'executed': {
      const brokerageExecutionId = freshId();
      const { quantity, price } = word;
      const ids = { executionId: executionIdFor('test', brokerageExecutionId), brokerageExecutionId };
      const { symbol, side } = terms;
      return new ExecutionReported({
        ...of,
        ...ids,
        symbol,
        side,
        quantity,
        price,
        executedAt: new Date().toISOString(),
      } as never);
    }
  }
}

function recorded({ id }: Order, event: BrokerOrderEvent, version: number, time: string): RecordedEvent<PlacementInput> {
  return {
    ...event,
    id: freshId(),
    aggregateId: brokerOrderIdFor(id, 1),
    aggregateType: 'BrokerOrder',
    aggregateVersion: version,
    time,
    correlationId: null,
    causationId: null,
    sagaId: null,
    metadata: {},
  } as RecordedEvent<PlacementInput>;
}
