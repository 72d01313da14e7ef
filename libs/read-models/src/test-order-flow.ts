import type { AnyAggregate, EventStore } from '@tradecore/event-sourcing';
import {
  brokerOrderIdFor,
  BrokerOrderAccepted,
  ExecutionBusted,
  ExecutionCorrected,
  ExecutionReported,
  freshId,
  orderIdFor,
  placementIdFor,
  type BrokerOrderEvent,
  type Event,
  type Execution,
  type OfOrder,
  type OrderTerms,
  type RecordedEvent,
} from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { extendContext } from '@tradecore/telemetry';
import {
  Account,
  BrokerOrder,
  decidePlacement,
  Order,
  OrderPlacement,
  reservationOf,
  submitStep,
  type PlacementInput,
} from '@tradecore/trading';

const executedAt = '2026-01-02T09:00:00.000000Z';
const types = { Order, Account, BrokerOrder, OrderPlacement };

/** A part of a save: one decision's events on one aggregate. */
interface Part {
  readonly aggregate: AnyAggregate;
  readonly type: keyof typeof types;
  readonly events: readonly Event[];
}

/**
 * Order lifecycles for tests, by the fleet's own decisions and saves, without API, gateway and saga. `show` projects
 * what was written.
 */
export class TestOrderFlow {
  constructor(
    private readonly store: EventStore,
    private readonly show: (type: string, id: string) => Promise<void>,
  ) {}

  /**
   * Places an approved, funded order and stores its submitting step in one save, as command-api does. Returns its id.
   */
  async place(accountId: string, changes: Partial<OrderTerms> = {}): Promise<string> {
    const terms = sampleTerms({ accountId, clientOrderId: freshId(), ...changes });
    const order = new Order(orderIdFor(accountId, terms.clientOrderId ?? ''));
    const account = await this.store.loadAggregate(Account, accountId);
    const approval = { referencePrice: '100', reservePrice: terms.limitPrice ?? '100' };
    order.place(terms);
    order.approve(approval, account.version + 1);
    const placement = new OrderPlacement(placementIdFor(order.id));
    const reservation = order.state && reservationOf(order.state);
    if (!reservation) throw new Error('an approved order reserves something');
    account.reserve(reservation);
    await this.#save(accountId, [
      { aggregate: order, type: 'Order', events: order.uncommittedEvents },
      { aggregate: account, type: 'Account', events: account.uncommittedEvents },
      { aggregate: placement, type: 'OrderPlacement', events: [submitStep(order.id, terms, approval, new Date().toISOString())] },
    ]);
    return order.id;
  }

  /** The client makes a request on the order, and the saga takes the step that follows. */
  async request(orderId: string, decide: (order: Order) => void): Promise<void> {
    const order = await this.store.loadAggregate(Order, orderId);
    decide(order);
    await this.#save(accountOf(order), [{ aggregate: order, type: 'Order', events: order.uncommittedEvents }]);
    const [event] = await this.store.readEvents(orderId, { from: order.version });
    await this.#handle(order, event as RecordedEvent<PlacementInput>);
  }

  /** The brokerage has the revision. */
  accepted(orderId: string, revision = 1): Promise<void> {
    return this.#says(orderId, revision, (of) => new BrokerOrderAccepted({ ...of, brokerageOrderId: freshId(), found: false }));
  }

  /** The brokerage executes a trade. Returns the execution id. */
  async traded(orderId: string, quantity: string, price: string, revision = 1): Promise<string> {
    const executionId = freshId();
    await this.#says(orderId, revision, (of) => new ExecutionReported({ ...of, executionId, quantity, price, executedAt }));
    return executionId;
  }

  /** The brokerage busts an execution. */
  busted(orderId: string, executionId: string): Promise<void> {
    return this.#says(orderId, 1, (of) => new ExecutionBusted({ ...of, executionId }));
  }

  /** The brokerage corrects an execution. */
  corrected(orderId: string, execution: Omit<Execution, 'executedAt'>): Promise<void> {
    return this.#says(orderId, 1, (of) => new ExecutionCorrected({ ...of, ...execution, executedAt }));
  }

  /**
   * Stores the brokerage's reports on revision 1 in one save, as the gateway does, and leaves the rest to a running
   * saga.
   */
  async report(orderId: string, words: readonly ('accepted' | 'traded')[]): Promise<void> {
    const order = await this.store.loadAggregate(Order, orderId);
    const brokerOrder = await this.store.loadAggregate(BrokerOrder, brokerOrderIdFor(orderId, 1));
    const of = ofOrder(order, 1);
    const { quantity = '10', limitPrice = '100' } = order.terms ?? {};
    const said = {
      accepted: () => new BrokerOrderAccepted({ ...of, brokerageOrderId: freshId(), found: false }),
      traded: () => new ExecutionReported({ ...of, executionId: freshId(), quantity, price: limitPrice, executedAt }),
    };
    await this.#save(of.accountId, [{ aggregate: brokerOrder, type: 'BrokerOrder', events: words.map((word) => said[word]()) }]);
  }

  /** Stores the brokerage's reports on a revision, as the gateway does, and the consequences, as order-saga does. */
  async #says(orderId: string, revision: number, say: (of: Traded) => BrokerOrderEvent): Promise<void> {
    const order = await this.store.loadAggregate(Order, orderId);
    const brokerOrder = await this.store.loadAggregate(BrokerOrder, brokerOrderIdFor(orderId, revision));
    const of = ofOrder(order, revision);
    await this.#save(of.accountId, [{ aggregate: brokerOrder, type: 'BrokerOrder', events: [say(of)] }]);
    const [event] = await this.store.readEvents(brokerOrder.id, { from: brokerOrder.version + 1 });
    await this.#handle(order, event as RecordedEvent<PlacementInput>);
  }

  async #handle(order: Order, event: RecordedEvent<PlacementInput>): Promise<void> {
    const [current, account, placement] = await Promise.all([
      this.store.loadAggregate(Order, order.id),
      this.store.loadAggregate(Account, accountOf(order)),
      this.store.loadAggregate(OrderPlacement, placementIdFor(order.id)),
    ]);
    const decision = decidePlacement(event, { order: current, account, placement }, new Date().toISOString());
    await this.#save(account.id, [
      { aggregate: current, type: 'Order', events: decision.order },
      { aggregate: account, type: 'Account', events: decision.account },
      { aggregate: placement, type: 'OrderPlacement', events: decision.placement },
    ]);
  }

  async #save(account: string, parts: readonly Part[]): Promise<void> {
    const changed = parts.filter(({ events }) => events.length > 0);
    if (changed.length === 0) return;
    await extendContext({ correlationId: freshId(), account }, () =>
      this.store.savePrepared(
        changed.map(({ aggregate: { id, version, uncommittedEvents }, type, events }) => ({
          ...{ id, type, expected: version - uncommittedEvents.length },
          events: this.store.prepare({ id, type }, events),
        })),
      ),
    );
    for (const { aggregate, type } of changed) await this.show(type, aggregate.id);
  }
}

type Traded = OfOrder & Pick<OrderTerms, 'symbol' | 'side'> & { readonly brokerageExecutionId: string };

function ofOrder(order: Order, revision: number): Traded {
  const { symbol, side } = order.terms ?? sampleTerms();
  return { orderId: order.id, accountId: accountOf(order), revision, symbol, side, brokerageExecutionId: freshId() };
}

function accountOf({ id, accountId }: Order): string {
  if (accountId === undefined) throw new Error(`order ${id} was never placed`);
  return accountId;
}
