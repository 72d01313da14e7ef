import { Inject, Injectable } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import {
  causedEventId,
  orderIdFor,
  orderIdForKey,
  orderKeyEventId,
  OrderKeyUsed,
  placeCommandId,
  placementIdFor,
  type Denial,
  type OrderTerms,
  type RecordedEvent,
  type Reservation,
} from '@tradecore/events';
import type { KnownCaller } from '@tradecore/service';
import { counter } from '@tradecore/telemetry';
import { AccountNotFound, differingTerms, Order, OrderPlacement, reservationOf, submitStep } from '@tradecore/trading';
import { AccountAccess } from '../account-access.ts';
import { AccountLanes } from '../account-lane/account-lanes.ts';
import type { AccountState, Change, Decision } from '../account-lane/account-request.ts';
import { IdempotencyKeyReused } from '../idempotency-key.ts';
import { historyOf } from './order-history.ts';
import { denialRules, OrderRisk } from './order-risk.ts';

/** A request to trade; its name makes it one order, however often it is sent. */
export interface PlaceOrderCommand {
  readonly caller: KnownCaller;
  readonly terms: OrderTerms;
  /** Names the order when its terms have no clientOrderId. */
  readonly idempotencyKey?: string;
}

/** The order's stored events, and the outcome: placed, denied, or a repeat of an existing order. */
export interface PlacedOrder {
  readonly outcome: (typeof outcomes)[number];
  readonly history: readonly RecordedEvent[];
}

/** An existing order with the name or the key. */
interface Known {
  readonly knownAs: string;
  /** True if it has the key: different terms are then refused, whatever else names the order. */
  readonly byKey: boolean;
}

/** The result in the lane: a new order, or an existing one. */
type Placing = PlacedOrder | Known;

const outcomes = ['placed', 'denied', 'repeated'] as const;
const placed = counter({
  name: 'tradecore_orders_placed_total',
  help: 'Requests to place an order: approved, denied, or repeats of an existing order.',
  labels: { outcome: outcomes },
});
const denials = counter({
  name: 'tradecore_orders_denied_total',
  help: 'Orders that were denied, by rule.',
  labels: { rule: denialRules },
});

/**
 * Places an order: approved by the rules, paid for and on its way to the brokerage, or denied; stored whole on return.
 */
@Injectable()
export class PlaceOrder {
  constructor(
    @Inject(EventStore) private readonly eventStore: EventStore,
    @Inject(OrderRisk) private readonly risk: OrderRisk,
    @Inject(AccountAccess) private readonly access: AccountAccess,
    @Inject(AccountLanes) private readonly lanes: AccountLanes,
  ) {}

  /**
   * Places the order, or finds it placed with the same terms. `terms` are canonical, and have a clientOrderId or come
   * with an idempotency key. Throws `AccountNotFound` for a foreign account, `OrderAlreadyPlaced`,
   * `IdempotencyKeyReused`, `PricesUnavailable`, `TooManyOpenOrders`, and what `AccountLanes.submit` throws.
   */
  async execute(command: PlaceOrderCommand): Promise<PlacedOrder> {
    const { accountId } = command.terms;
    if (!(await this.access.admits(command.caller, accountId, 'orders'))) throw new AccountNotFound(accountId);
    const order = new NamedOrder(command);
    const placing = await this.lanes.submit<Placing>({
      accountId,
      commandId: order.commandId,
      maxEvents: 4,
      createsOrder: order.id,
      lookups: order.names,
      decide: (state) => this.#decide(order, state),
    });
    const result = 'knownAs' in placing ? await this.#repeat(order, placing) : placing;
    placed.inc({ outcome: result.outcome });
    return result;
  }

  #decide(named: NamedOrder, state: AccountState): Decision<Placing> {
    const known = named.known(state);
    if (known) return { answer: () => known };
    const { terms } = named;
    const assessment = this.risk.assess(terms, state);
    if ('denied' in assessment) return this.#denied(named, assessment.denied);
    const { approved } = assessment;
    const order = named.place();
    order.approve(approved, state.account.version + 1);
    const denial = this.risk.reserve(state.account, needsOf(order));
    if (denial) return this.#denied(named, denial);
    const step = submitStep(named.id, terms, approved, state.now);
    const placementId = placementIdFor(named.id);
    const placement: Change = {
      type: OrderPlacement.type,
      id: placementId,
      expected: 0,
      events: [step],
      sagaId: placementId,
    };
    const changes = [named.changeOf(order), placement];
    return { changes, judged: true, answer: (events) => ({ outcome: 'placed', history: named.eventsIn(events) }) };
  }

  #denied(named: NamedOrder, denial: Denial): Decision<Placing> {
    const order = named.place();
    order.deny(denial);
    const answer = (events: readonly RecordedEvent[]): Placing => {
      denials.inc({ rule: denial.rule });
      return { outcome: 'denied', history: named.eventsIn(events) };
    };
    return { changes: [named.changeOf(order)], judged: true, answer };
  }

  /**
   * The name or the key is taken, permanently: by the same request, or by a different one, which throws. A new key is
   * bound to the order.
   */
  async #repeat(named: NamedOrder, { knownAs, byKey }: Known): Promise<PlacedOrder> {
    const { id, terms } = named;
    const order = await this.eventStore.loadAggregate(Order, knownAs);
    const differing = differingTerms(terms, order.state?.placed ?? terms);
    if (byKey && differing.length > 0) throw new IdempotencyKeyReused(differing);
    order.place(terms);
    const { keyEventId } = named;
    if (!byKey && keyEventId !== undefined) {
      const holder = await this.#bindKey(named, keyEventId);
      if (holder !== id) return this.#repeat(named, { knownAs: holder, byKey: true });
    }
    return { outcome: 'repeated', history: await historyOf(this.eventStore, id) };
  }

  /** Binds the key to the order, unless another order got it meanwhile. Returns the order that has it. */
  #bindKey({ id: orderId, terms: { accountId } }: NamedOrder, keyEventId: string): Promise<string> {
    const change: Change = {
      type: 'OrderKey',
      id: keyEventId,
      expected: 0,
      events: [new OrderKeyUsed({ orderId })],
      ids: new Map([[0, keyEventId]]),
    };
    return this.lanes.submit<string>({
      accountId,
      commandId: keyEventId,
      maxEvents: 1,
      lookups: [keyEventId],
      decide: (state) => {
        const before = state.stored(keyEventId);
        return before ? { answer: () => orderOfKey(before) } : { changes: [change], answer: () => orderId };
      },
    });
  }
}

/** The order that has a key, from the event with the key's id. */
const orderOfKey = ({ type, data, aggregateId }: RecordedEvent): string =>
  type === OrderKeyUsed.type ? (data as OrderKeyUsed['data']).orderId : aggregateId;

/** The reservation of an approved order. */
function needsOf({ id, state }: Order): Reservation {
  const reservation = state && reservationOf(state);
  if (!reservation) throw new Error(`order ${id} was approved but needs no reservation`);
  return reservation;
}

/** A requested order, and the names that identify a repeat. */
class NamedOrder {
  readonly terms: OrderTerms;
  readonly id: string;
  readonly commandId: string;
  /** The id of its second event if it has a key: anything else with the key has an event with this id. */
  readonly keyEventId: string | undefined;
  readonly #firstEventId: string;

  constructor({ terms, idempotencyKey }: PlaceOrderCommand) {
    const { accountId, clientOrderId } = terms;
    this.terms = terms;
    this.id = clientOrderId === undefined ? orderIdForKey(accountId, idempotencyKey ?? '') : orderIdFor(accountId, clientOrderId);
    this.commandId = placeCommandId(this.id);
    this.#firstEventId = causedEventId(this.commandId, this.id, 0);
    this.keyEventId = idempotencyKey === undefined ? undefined : orderKeyEventId(accountId, idempotencyKey);
  }

  /** Ids of events that show whether the name and the key are taken. */
  get names(): string[] {
    return this.keyEventId === undefined ? [this.#firstEventId] : [this.#firstEventId, this.keyEventId];
  }

  /** The existing order with the key or the name. */
  known(state: AccountState): Known | undefined {
    const keyHolder = this.keyEventId === undefined ? undefined : state.stored(this.keyEventId);
    if (keyHolder) return { knownAs: orderOfKey(keyHolder), byKey: true };
    return state.stored(this.#firstEventId) || state.isTaken(this.id) ? { knownAs: this.id, byKey: false } : undefined;
  }

  place(): Order {
    const order = new Order(this.id);
    order.place(this.terms);
    return order;
  }

  changeOf({ uncommittedEvents: events }: Order): Change {
    const ids = this.keyEventId === undefined ? {} : { ids: new Map([[1, this.keyEventId]]) };
    return { type: Order.type, id: this.id, expected: 0, events, ...ids };
  }

  eventsIn(events: readonly RecordedEvent[]): RecordedEvent[] {
    return events.filter(({ aggregateId }) => aggregateId === this.id);
  }
}
