import type { Event, EventClass } from './event.ts';
import * as accounts from './accounts.ts';
import * as brokerOrders from './broker-orders.ts';
import * as placements from './order-placement.ts';
import * as orders from './orders.ts';
import * as controls from './trading-control.ts';
import { topics } from './topics.ts';

/** KeyedMutex the data of one stored version into the next one's. */
export type Upcast = (data: Record<string, unknown>) => Record<string, unknown>;

/** One type of aggregate: where its events go, who alone may write them, and which they are. */
export interface AggregateDeclaration {
  /** Stored in `event_store.aggregate_type`. */
  readonly type: string;
  readonly topic: string;
  /** The service that may append its events. */
  readonly writer: string;
  readonly events: readonly EventClass[];
  /** By event type, then by the version that it starts from. */
  readonly upcasts?: Readonly<Record<string, Readonly<Record<number, Upcast>>>>;
  /** The key of the record on the topic; the aggregate's id when absent. */
  readonly keyOf?: (event: Event, aggregateId: string) => string;
}

/** Every type of aggregate by its name. */
export type Catalogue = Readonly<Record<string, AggregateDeclaration>>;

/** A step is keyed by the aggregate that it asks, so that what a saga asks of one aggregate arrives in order. */
const keyOfStep = ({ data }: Event, sagaId: string): string => (data as { readonly target?: string }).target ?? sagaId;

/** The fleet's aggregates. Stores, relays and projectors take it as a parameter, so that tests can bring their own. */
export const catalogue: Catalogue = {
  Order: {
    type: 'Order',
    topic: topics.orderEvents.name,
    writer: 'command-api',
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
    writer: 'command-api',
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
    topic: topics.controlEvents.name,
    writer: 'command-api',
    events: [controls.TradingHalted, controls.TradingResumed, controls.RiskLimitsSet],
  },
  BrokerOrder: {
    type: 'BrokerOrder',
    topic: topics.brokerEvents.name,
    writer: 'broker-gateway',
    events: [
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
    ],
  },
  OrderPlacement: {
    type: 'OrderPlacement',
    topic: topics.orderPlacement.name,
    writer: 'order-saga',
    events: [
      placements.SubmitBrokerOrder,
      placements.ReplaceBrokerOrder,
      placements.CancelBrokerOrder,
      placements.RevisionEnded,
      placements.PlacementStuck,
      placements.PlacementResumed,
      placements.PlacementEnded,
    ],
    keyOf: keyOfStep,
  },
};
