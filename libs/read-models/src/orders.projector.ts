import {
  brokerOrderIdFor,
  catalogue,
  OrderAccepted,
  OrderCanceled,
  OrderCancelRejected,
  OrderCancelRequested,
  OrderApproved,
  OrderDenied,
  OrderDoneForDay,
  OrderExecuted,
  OrderExecutionBusted,
  OrderExecutionCorrected,
  OrderExpired,
  OrderOutcomeUnknown,
  OrderPlaced,
  OrderRejected,
  OrderReplaced,
  OrderReplaceRejected,
  OrderReplaceRequested,
  OrderResumed,
  OrderSuspended,
  topics,
  upcast,
  type Denial,
  type OrderEvent,
  type OrderTerms,
  type RecordedEvent,
  type ReplaceTerms,
  type TextRef,
  type Value,
} from '@tradecore/events';
import { add, decimal, subtract, zero, type Decimal } from '@tradecore/money';
import { fold, On, Projector } from '@tradecore/consumers';
import { execTypeOf, standingAfter, termsIn, type OrdStatus } from '@tradecore/trading';

/** One revision of an order: its id at the brokerage, and the terms it was sent with. */
export interface OrderRevision extends ReplaceTerms {
  readonly revision: number;
  readonly brokerOrderId: string;
}

/** A row of `order_projector.orders`: an order after its events. */
export interface OrderRow extends OrderTerms {
  readonly orderId: string;
  readonly status: OrdStatus;
  /** FIX ExecType of the last change that has one. */
  readonly execType?: string;
  /** A cancel is waiting for its answer. */
  readonly canceling: boolean;
  /** The brokerage has paused it, although a pending request may show another status. */
  readonly paused?: 'doneForDay' | 'suspended';
  readonly filledQuantity: string;
  /** Total value of all executions. */
  readonly executedValue: string;
  /** The current revision, and all of them. */
  readonly revision: number;
  readonly revisions: readonly OrderRevision[];
  /** The terms of a replace that the brokerage has not yet answered. */
  readonly requested?: ReplaceTerms & { readonly revision: number; readonly goodUntil?: string };
  readonly goodUntil?: string;
  readonly denial?: Denial;
  readonly rejectionCode?: string;
  /** Why the last change happened, in our words or the brokerage's, if known. */
  readonly reason?: string;
  readonly cancelReason?: TextRef;
  /** The account and its positions show the order's money from this account version on. */
  readonly accountVersion?: number;
  /** Version of the last event in the row. */
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Projects each order. The same fold serves the answer to the placing write and as-of reads. */
@Projector({ name: 'order-projector', topics: [topics.orderEvents.name], version: 1, table: 'orders' })
export class Orders {
  @On(OrderPlaced)
  onOrderPlaced(_: OrderRow | undefined, event: RecordedEvent<OrderPlaced>): OrderRow {
    const { aggregateId, aggregateVersion, data, time } = event;
    const nothing = { canceling: false, filledQuantity: zero, executedValue: zero, revision: 1, revisions: [] };
    const born = { version: aggregateVersion, createdAt: time, updatedAt: time };
    return { ...data, ...nothing, ...born, orderId: aggregateId, status: 'pendingNew', execType: execTypeOf.OrderPlaced ?? '' };
  }

  /** The save that approves an order also stores the step that submits revision 1. */
  @On(OrderApproved)
  onOrderApproved(row: OrderRow | undefined, event: RecordedEvent<OrderApproved>): OrderRow {
    const before = placed(row, event);
    const brokerOrderId = brokerOrderIdFor(before.orderId, 1);
    return after(row, event, { revisions: [revisionOf(before, { revision: 1, brokerOrderId })], ...goodUntilOf(event.data) });
  }

  @On(OrderDenied)
  onOrderDenied(row: OrderRow | undefined, event: RecordedEvent<OrderDenied>): OrderRow {
    return after(row, event, { denial: event.data });
  }

  @On(OrderRejected)
  onOrderRejected(row: OrderRow | undefined, event: RecordedEvent<OrderRejected>): OrderRow {
    return after(row, event, { rejectionCode: event.data.code });
  }

  @On(OrderCancelRequested)
  onOrderCancelRequested(row: OrderRow | undefined, event: RecordedEvent<OrderCancelRequested>): OrderRow {
    const { reason } = event.data;
    return after(row, event, reason === undefined ? {} : { cancelReason: reason });
  }

  @On(OrderAccepted)
  @On(OrderOutcomeUnknown)
  @On(OrderCancelRejected)
  @On(OrderReplaceRejected)
  @On(OrderCanceled)
  @On(OrderExpired)
  @On(OrderDoneForDay)
  @On(OrderSuspended)
  @On(OrderResumed)
  onStatus(row: OrderRow | undefined, event: RecordedEvent<OrderEvent>): OrderRow {
    return after(row, event, {});
  }

  @On(OrderExecuted)
  onOrderExecuted(row: OrderRow | undefined, event: RecordedEvent<OrderExecuted>): OrderRow {
    return traded(row, event, (value) => add(value, worth(event.data)));
  }

  @On(OrderExecutionBusted)
  onOrderExecutionBusted(row: OrderRow | undefined, event: RecordedEvent<OrderExecutionBusted>): OrderRow {
    return traded(row, event, (value) => subtract(value, worth(event.data.was)));
  }

  @On(OrderExecutionCorrected)
  onOrderExecutionCorrected(row: OrderRow | undefined, event: RecordedEvent<OrderExecutionCorrected>): OrderRow {
    return traded(row, event, (value) => add(subtract(value, worth(event.data.was)), worth(event.data)));
  }

  @On(OrderReplaceRequested)
  onOrderReplaceRequested(row: OrderRow | undefined, event: RecordedEvent<OrderReplaceRequested>): OrderRow {
    const { revision, ...changes } = event.data;
    return after(row, event, { requested: { revision, ...termsIn(changes), ...goodUntilOf(changes) } });
  }

  @On(OrderReplaced)
  onOrderReplaced(row: OrderRow | undefined, event: RecordedEvent<OrderReplaced>): OrderRow {
    const { revision, brokerOrderId, ...changes } = event.data;
    const { goodUntil } = row?.requested ?? {};
    const terms = { ...termsIn(changes), ...(goodUntil !== undefined && { goodUntil }) };
    const now = { ...placed(row, event), ...terms };
    return after(row, event, { ...terms, revision, revisions: [...now.revisions, revisionOf(now, { revision, brokerOrderId })] });
  }
}

/**
 * The order made by these stored events of one aggregate, from the first or after those of `row`; undefined for none.
 */
export function orderFrom(history: readonly RecordedEvent[], row?: OrderRow): OrderRow | undefined {
  return fold(
    Orders,
    history.map((event) => upcast(catalogue, event)),
    row,
  );
}

/** The row; an event of an order that was never placed has none and parks. */
function placed(row: OrderRow | undefined, { aggregateId }: RecordedEvent): OrderRow {
  if (!row) throw new Error(`order ${aggregateId} was never placed`);
  return row;
}

/** The row after an event: status by the table of trading, reason if the event has one. */
function after(row: OrderRow | undefined, event: RecordedEvent<OrderEvent>, changes: Partial<OrderRow>): OrderRow {
  const { status, quantity, filledQuantity: filled, canceling, requested, paused } = placed(row, event);
  const standing = standingAfter(
    { status, quantity, filled, canceling, replacing: requested !== undefined, paused },
    event as unknown as OrderEvent,
  );
  const { reason: _, requested: asked, paused: __, ...fields } = { ...placed(row, event), ...changes };
  const execType = execTypeOf[event.type];
  return {
    ...fields,
    ...accountVersionOf(fields, event),
    ...(execType !== null && { execType }),
    ...reasonOf(event.data),
    ...(standing.replacing && asked && { requested: asked }),
    status: standing.status,
    canceling: standing.canceling,
    ...(standing.paused && { paused: standing.paused }),
    filledQuantity: standing.filled,
    version: event.aggregateVersion,
    updatedAt: event.time,
  };
}

function reasonOf(data: OrderEvent['data']): Pick<OrderRow, 'reason'> {
  const reason = 'reason' in data ? data.reason : undefined;
  return typeof reason === 'string' ? { reason } : {};
}

type Trade = OrderExecuted | OrderExecutionBusted | OrderExecutionCorrected;

function traded(row: OrderRow | undefined, event: RecordedEvent<Trade>, change: (value: Decimal) => Decimal): OrderRow {
  const { executedValue } = placed(row, event);
  return after(row, event, { executedValue: change(decimal(executedValue)) });
}

/** The highest account version that the order's events were saved with. */
function accountVersionOf({ accountVersion = 0 }: Partial<OrderRow>, { data }: RecordedEvent<OrderEvent>): Partial<OrderRow> {
  const highest = Math.max(accountVersion, 'accountVersion' in data ? (data.accountVersion ?? 0) : 0);
  return highest === 0 ? {} : { accountVersion: highest };
}

/** In the spelling of stored times: UTC, microseconds. */
const goodUntilOf = ({ goodUntil }: { readonly goodUntil?: string }): Pick<OrderRow, 'goodUntil'> =>
  goodUntil === undefined ? {} : { goodUntil: new Date(goodUntil).toISOString().replace('Z', '000Z') };

const worth = ({ notional }: Value): Decimal => decimal(notional);

const revisionOf = (terms: OrderTerms, names: Pick<OrderRevision, 'revision' | 'brokerOrderId'>): OrderRevision => ({
  ...names,
  ...termsIn(terms),
});
