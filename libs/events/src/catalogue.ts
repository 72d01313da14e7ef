import type { Event, EventClass } from './event.ts';
import * as accounts from './accounts.ts';
import * as brokerOrders from './broker-orders.ts';
import * as placements from './order-placement.ts';
import * as orders from './orders.ts';
import * as controls from './trading-control.ts';
import { topics } from './topics.ts';

/** Turns the data of one stored version into the next one's. */
export type Upcast = (data: Record<string, unknown>) => Record<string, unknown>;

/** By service: the events that it may append. Several services may write the same type of event. */
export type Writers = Readonly<Record<string, readonly EventClass[]>>;

/** One type of aggregate: where its events go, which they are, and who may write each of them. */
export interface AggregateDeclaration {
  /** Stored in `event_store.aggregate_type`. */
  readonly type: string;
  readonly topic: string;
  /** The database refuses every event of a service that is not listed for it here. Together the lists are `events`. */
  readonly writers: Writers;
  readonly events: readonly EventClass[];
  /**
   * Others may assert the version of such an aggregate in their saves, without an event of their own. A save that changes one waits for those
   * that assert it, so that nothing decided on the old version is stored once the change is acknowledged. For what is read often and
   * changed rarely.
   */
  readonly asserted?: boolean;
  /** By event type, then by the version that it starts from. */
  readonly upcasts?: Readonly<Record<string, Readonly<Record<number, Upcast>>>>;
  /** The key of the record on the topic; the aggregate's id when absent. */
  readonly keyOf?: (event: Event, aggregateId: string) => string;
  /**
   * The id of an event, where a name makes it unique in the whole store (a UUID in lower case, from `derivedId`); else, where it says
   * `undefined`, it follows from the command or is fresh. Not for the first event of a decision: by its id a repeat is recognised.
   */
  readonly idOf?: (event: Event, aggregateId: string) => string | undefined;
}

/** Events that one service alone may write, for an `AggregateDeclaration`: `{ type, topic, ...writtenBy('command-api', [...]) }`. */
export const writtenBy = (service: string, events: readonly EventClass[]): Pick<AggregateDeclaration, 'events' | 'writers'> => ({
  events,
  writers: { [service]: events },
});

/** Every type of aggregate by its name. */
export type Catalogue = Readonly<Record<string, AggregateDeclaration>>;

/** A step is keyed by the aggregate that it asks, so that what a saga asks of one aggregate arrives in order. */
const keyOfStep = ({ data }: Event, sagaId: string): string => (data as { readonly target?: string }).target ?? sagaId;

/** Of an order, doors write what clients request and the answer of our rules; the saga writes what follows. Of an account likewise. */
const doorOrderEvents = [
  orders.OrderPlaced,
  orders.OrderApproved,
  orders.OrderDenied,
  orders.OrderCancelRequested,
  orders.OrderReplaceRequested,
];
const sagaOrderEvents = [
  orders.OrderAccepted,
  orders.OrderRejected,
  orders.OrderOutcomeUnknown,
  orders.OrderExecuted,
  orders.OrderExecutionBusted,
  orders.OrderExecutionCorrected,
  orders.OrderCancelRejected,
  orders.OrderCanceled,
  orders.OrderReplaced,
  orders.OrderReplaceRejected,
  orders.OrderExpired,
  orders.OrderDoneForDay,
  orders.OrderSuspended,
  orders.OrderResumed,
];
const doorAccountEvents = [
  accounts.AccountOpened,
  accounts.AccountAccessGranted,
  accounts.AccountAccessRevoked,
  accounts.FundsDeposited,
  accounts.FundsWithdrawn,
  accounts.ReservationMade,
  accounts.ReservationChanged,
];
const sagaAccountEvents = [
  accounts.ReservationChanged,
  accounts.ReservationReleased,
  accounts.FillSettled,
  accounts.FillReversed,
];

/** The fleet's aggregates. Stores, relays and projectors take it as a parameter, so that tests can bring their own. */
export const catalogue: Catalogue = {
  Order: {
    type: 'Order',
    topic: topics.orderEvents.name,
    writers: { 'command-api': doorOrderEvents, 'order-saga': sagaOrderEvents },
    events: [
      orders.OrderPlaced,
      orders.OrderApproved,
      orders.OrderDenied,
      orders.OrderAccepted,
      orders.OrderRejected,
      orders.OrderOutcomeUnknown,
      orders.OrderExecuted,
      orders.OrderExecutionBusted,
      orders.OrderExecutionCorrected,
      orders.OrderCancelRequested,
      orders.OrderCancelRejected,
      orders.OrderCanceled,
      orders.OrderReplaceRequested,
      orders.OrderReplaced,
      orders.OrderReplaceRejected,
      orders.OrderExpired,
      orders.OrderDoneForDay,
      orders.OrderSuspended,
      orders.OrderResumed,
    ],
  },
  Account: {
    type: 'Account',
    topic: topics.accountEvents.name,
    writers: { 'command-api': doorAccountEvents, 'order-saga': sagaAccountEvents },
    events: [
      accounts.AccountOpened,
      accounts.AccountAccessGranted,
      accounts.AccountAccessRevoked,
      accounts.FundsDeposited,
      accounts.FundsWithdrawn,
      accounts.ReservationMade,
      accounts.ReservationChanged,
      accounts.ReservationReleased,
      accounts.FillSettled,
      accounts.FillReversed,
    ],
  },
  TradingControl: {
    type: 'TradingControl',
    asserted: true,
    topic: topics.controlEvents.name,
    ...writtenBy('command-api', [controls.TradingHalted, controls.TradingResumed, controls.RiskLimitsSet]),
  },
  BrokerOrder: {
    type: 'BrokerOrder',
    topic: topics.brokerEvents.name,
    ...writtenBy('broker-gateway', [
      brokerOrders.BrokerOrderAccepted,
      brokerOrders.BrokerOrderRejected,
      brokerOrders.BrokerOrderLapsed,
      brokerOrders.BrokerOutcomeUnknown,
      brokerOrders.BrokerOutcomeUnresolved,
      brokerOrders.ExecutionReported,
      brokerOrders.ExecutionBusted,
      brokerOrders.ExecutionCorrected,
      brokerOrders.BrokerOrderCanceled,
      brokerOrders.BrokerCancelRejected,
      brokerOrders.BrokerOrderReplaced,
      brokerOrders.BrokerReplaceRejected,
      brokerOrders.BrokerOrderExpired,
      brokerOrders.BrokerOrderDoneForDay,
      brokerOrders.BrokerOrderSuspended,
      brokerOrders.BrokerOrderResumed,
      brokerOrders.ForeignOrderAdopted,
    ]),
  },
  OrderPlacement: {
    type: 'OrderPlacement',
    topic: topics.orderPlacement.name,
    writers: {
      'command-api': [placements.SubmitBrokerOrder],
      'order-saga': [
        placements.SubmitBrokerOrder,
        placements.ReplaceBrokerOrder,
        placements.CancelBrokerOrder,
        placements.RevisionEnded,
        placements.PlacementStuck,
        placements.PlacementEnded,
      ],
    },
    events: [
      placements.SubmitBrokerOrder,
      placements.ReplaceBrokerOrder,
      placements.CancelBrokerOrder,
      placements.RevisionEnded,
      placements.PlacementStuck,
      placements.PlacementEnded,
    ],
    keyOf: keyOfStep,
  },
};
