import type { Event, EventClass, Writers } from './event.ts';
import * as accounts from './accounts.ts';
import * as brokerOrders from './broker-orders.ts';
import { CorrectionApplied } from './corrections.ts';
import { OperationPerformed } from './operations.ts';
import { OrderKeyUsed } from './order-keys.ts';
import * as placements from './order-placement.ts';
import * as orders from './orders.ts';
import * as controls from './trading-control.ts';
import { submitStepEventId } from './ids.ts';
import { topics } from './topics.ts';

/** Converts the data of one stored version to the next. */
export type Upcast = (data: Record<string, unknown>) => Record<string, unknown>;

/** One type of aggregate: its topic, its events, and who may write each of them. */
export interface AggregateDeclaration {
  /** Stored in `event_store.aggregate_type`. */
  readonly type: string;
  readonly topic: string;
  /**
   * The database refuses every event of a service that is not listed for it here. Together the lists make up `events`.
   */
  readonly writers: Writers;
  readonly events: readonly EventClass[];
  /**
   * Others may assert the version of such an aggregate in their saves, without storing an event of their own. A save
   * that changes one waits for those that assert it, so that nothing decided on the old version is stored once the
   * change is acknowledged. For aggregates that are read often and changed rarely.
   */
  readonly asserted?: boolean;
  /** Only database functions store them: the writers may not append directly. */
  readonly byFunctions?: boolean;
  /** By event type, then by the version that it starts from. */
  readonly upcasts?: Readonly<Record<string, Readonly<Record<number, Upcast>>>>;
  /** The key of the record on the topic; the aggregate's id when absent. */
  readonly keyOf?: (event: Event, aggregateId: string) => string;
  /**
   * The id of an event when a name makes it unique in the whole store (a UUID in lower case, from `derivedId`); when
   * `undefined`, the id follows from the command or is fresh. Not for the first event of a decision: its id identifies
   * a repeat.
   */
  readonly idOf?: (event: Event, aggregateId: string) => string | undefined;
}

/**
 * For events that only one service may write: `{ type, topic, ...writtenBy('command-api', [...]) }` in an
 * `AggregateDeclaration`.
 */
export const writtenBy = (service: string, events: readonly EventClass[]): Pick<AggregateDeclaration, 'events' | 'writers'> => ({
  events,
  writers: { [service]: events },
});

/** Like `writtenBy`, for events that several services write. */
export const writtenByEach = (writers: Writers): Pick<AggregateDeclaration, 'events' | 'writers'> => ({
  events: [...new Set(Object.values(writers).flat())],
  writers,
});

/** Every type of aggregate by its name. */
export type Catalogue = Readonly<Record<string, AggregateDeclaration>>;

/** A step or correction is keyed by the aggregate that it asks, so that those for one aggregate arrive in order. */
const keyOfStep = ({ data }: Event, sagaId: string): string => (data as { readonly target?: string }).target ?? sagaId;

/**
 * The first attempt of a step that sends a BrokerOrder is found by its target, so that the gateway can always find an
 * order's terms.
 */
function idOfStep({ type, data }: Event): string | undefined {
  const { target, attempt } = data as Partial<placements.Step>;
  const sends = type === placements.SubmitBrokerOrder.type || type === placements.ReplaceBrokerOrder.type;
  return sends && attempt === 1 && target !== undefined ? submitStepEventId(target) : undefined;
}

/**
 * The fleet's aggregates. Stores, relays and projectors take the catalogue as a parameter, so that tests can pass their
 * own.
 */
export const catalogue: Catalogue = {
  Order: {
    type: 'Order',
    topic: topics.orderEvents.name,
    ...writtenByEach(orders.orderWriters),
  },
  Account: {
    type: 'Account',
    topic: topics.accountEvents.name,
    ...writtenByEach(accounts.accountWriters),
    // Grants of version 1 had no scopes; withdrawing money requires a grant that names it.
    upcasts: { AccountAccessGranted: { 1: (data) => ({ ...data, scopes: ['read', 'trade'] }) } },
  },
  TradingControl: {
    type: 'TradingControl',
    asserted: true,
    topic: topics.controlEvents.name,
    ...writtenBy('command-api', [controls.TradingHalted, controls.TradingResumed, controls.RiskLimitsSet]),
  },
  OrderKey: {
    type: 'OrderKey',
    topic: topics.controlEvents.name,
    ...writtenBy('command-api', [OrderKeyUsed]),
  },
  Operation: {
    type: 'Operation',
    topic: topics.controlEvents.name,
    byFunctions: true,
    ...writtenByEach({ operator: [OperationPerformed], backup: [OperationPerformed] }),
  },
  Correction: {
    type: 'Correction',
    topic: topics.corrections.name,
    byFunctions: true,
    ...writtenBy('operator', [CorrectionApplied]),
    keyOf: keyOfStep,
  },
  BrokerOrder: {
    type: 'BrokerOrder',
    topic: topics.brokerEvents.name,
    ...writtenByEach(brokerOrders.brokerOrderWriters),
  },
  OrderPlacement: {
    type: 'OrderPlacement',
    topic: topics.orderPlacement.name,
    ...writtenByEach(placements.placementWriters),
    keyOf: keyOfStep,
    idOf: idOfStep,
  },
};

/** The topics that carry stored events. */
export const storedTopics = [...new Set(Object.values(catalogue).map(({ topic }) => topic))];
