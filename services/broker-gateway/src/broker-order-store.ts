import { Inject, Injectable } from '@nestjs/common';
import { inTransaction } from '@tradecore/consumers';
import {
  ConcurrencyException,
  EventIdTaken,
  EventStore,
  PostgresEventStore,
  type Transaction,
  type WarmAggregate,
} from '@tradecore/event-sourcing';
import {
  brokerOrderIdFor,
  freshId,
  submitStepEventId,
  tradingControlIdFor,
  type Opening,
  type RecordedEvent,
  type StepEvent,
} from '@tradecore/events';
import { runInContext, type WorkContext } from '@tradecore/telemetry';
import {
  BrokerOrder,
  commandIdOf,
  TradingControl,
  type BrokerageOrder,
  type Revision,
  type UnreadableOrder,
} from '@tradecore/trading';
import { DataSource } from 'typeorm';
import { stepOf, Steps, type Step } from './steps.ts';

/** The step that requested a BrokerOrder, and the context of its events. */
export interface Origin {
  readonly opening: Opening;
  readonly context: WorkContext;
}

/** A loaded BrokerOrder, with the one that it replaces. */
export interface Loaded extends Omit<Revision, 'state'> {
  readonly origin: Origin;
  /** The rows of its steps and of the steps of the BrokerOrder that it replaces. */
  readonly open: readonly Step[];
  readonly warm: WarmAggregate<BrokerOrder>;
  readonly isHalted: boolean;
}

/** Loads and saves BrokerOrders. */
@Injectable()
export class BrokerOrderStore {
  private readonly store: PostgresEventStore;
  /** The kill switch for all accounts, kept in memory: only later changes are read. */
  private readonly allControl: WarmAggregate<TradingControl> = {
    aggregate: new TradingControl(tradingControlIdFor('all')),
    lastEventId: null,
  };

  constructor(
    @Inject(EventStore) store: EventStore,
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Steps) private readonly steps: Steps,
  ) {
    if (!(store instanceof PostgresEventStore)) throw new TypeError('the gateway needs a PostgresEventStore');
    this.store = store;
  }

  /** The step that requested it, from its row or by primary key from the store; undefined if it is not ours. */
  async originOf(id: string, open: readonly Step[] = []): Promise<Origin | undefined> {
    const row = open.find(({ brokerOrderId, kind }) => brokerOrderId === id && kind !== 'cancel');
    const step = row ?? (await this.storedStep(id));
    if (!step?.terms) return undefined;
    const { commandId, terms, context } = step;
    return { opening: { commandId, terms }, context };
  }

  /** Loads a BrokerOrder with one statement for step rows and one for all aggregates; undefined if it is not ours. */
  async load(id: string, known?: Origin, warm?: WarmAggregate<BrokerOrder>): Promise<Loaded | undefined> {
    const own = await this.steps.of([id]);
    const origin = known ?? (await this.originOf(id, own));
    if (!origin) return undefined;
    const replaces = replacesOf(origin);
    const open = replaces === undefined ? own : [...own, ...(await this.steps.of([replaces]))];
    const controls = [this.allControl.aggregate.id, tradingControlIdFor(origin.opening.terms.accountId)];
    const loaded = await this.store.loadMany([
      { type: BrokerOrder, id, warm },
      ...(replaces === undefined ? [] : [{ type: BrokerOrder, id: replaces }]),
      ...controls.map((each, index) => ({ type: TradingControl, id: each, warm: index === 0 ? this.allControl : undefined })),
    ]);
    const order = loaded.get(BrokerOrder, id);
    const isHalted = controls.some((each) => loaded.get(TradingControl, each).aggregate.isHalted);
    const replaced = replaces === undefined ? undefined : loaded.get(BrokerOrder, replaces).aggregate;
    return {
      ...{ origin, open, warm: order, isHalted },
      order: order.aggregate.openedBy(origin.opening),
      cancels: cancelsOf(id, open),
      ...(replaced && { replaced: { order: replaced, cancels: cancelsOf(replaced.id, open) } }),
    };
  }

  /**
   * Saves what was decided and removes the rows of the steps that it answers: in the caller's transaction or, if there
   * are rows to remove, in its own. Throws `ConcurrencyException`, also if another process has stored the same events.
   */
  async save(decided: Loaded, tx?: Transaction): Promise<readonly RecordedEvent[]> {
    const orders = [decided.order, ...(decided.replaced ? [decided.replaced.order] : [])];
    const answered = decided.open.filter((step) => orders.some((order) => isAnswered(step, order)));
    const write = async (within?: Transaction): Promise<readonly RecordedEvent[]> => {
      const events = await this.append(orders, decided.origin, within);
      if (within)
        await this.steps.remove(
          within,
          answered.map(({ commandId }) => commandId),
        );
      return events;
    };
    return tx || answered.length === 0 ? write(tx) : inTransaction(this.dataSource, write);
  }

  /** Records an order at the brokerage that is not ours; false if it is already recorded. */
  async adopt(id: string, order: BrokerageOrder | UnreadableOrder): Promise<boolean> {
    const foreign = await this.store.loadAggregate(BrokerOrder, id);
    foreign.adopt(order);
    if (foreign.uncommittedEvents.length === 0) return false;
    const context = { correlationId: freshId(), actor: 'broker-gateway', commandId: id };
    const { outcome } = await runInContext(context, () => this.store.saveAggregate(foreign));
    return outcome === 'stored';
  }

  /** The open BrokerOrders that are to replace this one. */
  replacementsOf(id: string): Promise<string[]> {
    return this.steps.replacementsOf(id);
  }

  /** The same, and the next revision if it has replaced this one and ended. */
  async allReplacementsOf(id: string, { opening: { terms } }: Origin): Promise<string[]> {
    const ids = await this.replacementsOf(id);
    const next = brokerOrderIdFor(terms.orderId, terms.revision + 1);
    if (ids.includes(next)) return ids;
    const origin = await this.originOf(next);
    return origin && replacesOf(origin) === id ? [...ids, next] : ids;
  }

  private async append(all: readonly BrokerOrder[], { context }: Origin, tx?: Transaction): Promise<readonly RecordedEvent[]> {
    const orders = all.filter(({ uncommittedEvents }) => uncommittedEvents.length > 0);
    if (orders.length === 0) return [];
    const decidedOn = orders.map(({ id, version, uncommittedEvents: { length } }) => ({
      aggregateId: id,
      expected: version - length,
    }));
    const store = tx ? this.store.within(tx) : this.store;
    try {
      const saved = await runInContext({ ...context, commandId: commandIdOf(orders) }, () => store.saveAggregates(orders));
      if (saved.outcome === 'stored') return saved.events;
    } catch (error) {
      if (!(error instanceof EventIdTaken)) throw error;
    }
    // Another process has stored these events: the loaded state is stale.
    throw new ConcurrencyException(decidedOn.map((each) => ({ ...each, found: -1 })));
  }

  private async storedStep(id: string): Promise<Step | undefined> {
    const eventId = submitStepEventId(id);
    const { events } = await this.store.loadMany([], [eventId]);
    const event = events.get(eventId) as RecordedEvent<StepEvent> | undefined;
    return event && stepOf(event);
  }
}

/** Whether a step no longer needs its row: the cancel is answered, or the order it sent has ended. */
const isAnswered = ({ brokerOrderId, kind, commandId }: Step, order: BrokerOrder): boolean =>
  brokerOrderId === order.id && (kind === 'cancel' ? order.hasAnswered(commandId) : !order.isOpen);

const replacesOf = ({ opening: { terms } }: Origin): string | undefined => ('replaces' in terms ? terms.replaces : undefined);

const cancelsOf = (id: string, open: readonly Step[]): readonly string[] =>
  open.filter(({ brokerOrderId, kind }) => brokerOrderId === id && kind === 'cancel').map(({ commandId }) => commandId);
