import type { OrderEvent } from '@tradecore/events';
import { compare, decimal, isPositive, subtract, zero, type Decimal } from '@tradecore/money';
import type { AppliedRow, Row } from './order-transitions.ts';
import * as facts from './order-facts.transitions.ts';
import * as life from './order-life.transitions.ts';
import { isTerminal, type OrdStatus } from './order-status.ts';
import * as requests from './order-requests.transitions.ts';

/**
 * The meaning of each event in each state of an order, decided only here. A missing transition does not compile, and
 * there is no default. `docs/order-states.md` is printed from it.
 */
export const orderStates = {
  OrderPlaced: life.orderPlaced,
  OrderApproved: life.orderApproved,
  OrderDenied: life.orderDenied,
  OrderAccepted: life.orderAccepted,
  OrderRejected: life.orderRejected,
  OrderOutcomeUnknown: life.orderOutcomeUnknown,
  OrderExecuted: facts.orderExecuted,
  OrderExecutionBusted: facts.orderExecutionBusted,
  OrderExecutionCorrected: facts.orderExecutionCorrected,
  OrderCancelRequested: requests.orderCancelRequested,
  OrderCancelRejected: requests.orderCancelRejected,
  OrderCanceled: requests.orderCanceled,
  OrderReplaceRequested: requests.orderReplaceRequested,
  OrderReplaced: requests.orderReplaced,
  OrderReplaceRejected: requests.orderReplaceRejected,
  OrderExpired: facts.orderExpired,
  OrderDoneForDay: facts.orderDoneForDay,
  OrderSuspended: facts.orderSuspended,
  OrderResumed: facts.orderResumed,
} as const satisfies Readonly<Record<OrderEvent['type'], Row | AppliedRow>>;

/** Why the brokerage is not working an order for now. */
export type Pause = 'doneForDay' | 'suspended';

/** An order's status and everything that the table needs for the next one. Quantities are canonical decimals. */
export interface OrderStanding {
  readonly status: OrdStatus;
  /** Total of the terms in force. */
  readonly quantity: string;
  readonly filled: string;
  /** A cancel waits for its answer. */
  readonly canceling: boolean;
  /** A replace waits for its answer. */
  readonly replacing: boolean;
  /** The brokerage is not working it for now. */
  readonly paused: Pause | undefined;
}

/** The figures that decide the status where an order rests. */
export type OrderFigures = Omit<OrderStanding, 'status'>;

/**
 * The status where an order at the brokerage rests. A waiting cancel wins over a waiting replace, and both over a
 * pause. An order with its whole quantity traded is filled, unless a replace waits: the answer may raise its quantity.
 */
export function restOf(figures: OrderFigures): OrdStatus {
  const { filled, canceling, replacing, paused } = figures;
  if (isFilled(figures)) return restOfEnded(figures);
  if (canceling) return 'pendingCancel';
  if (replacing) return 'pendingReplace';
  if (paused) return paused;
  return isPositive(decimal(filled)) ? 'partiallyFilled' : 'new';
}

/** All of it has traded, and no answer to a replace may raise its quantity. */
const isFilled = ({ quantity, filled, replacing }: OrderFigures): boolean =>
  !replacing && compare(decimal(filled), decimal(quantity)) >= 0;

/** The status of a filled order when its executions change: it does not reopen. */
function restOfEnded({ quantity, filled }: Pick<OrderFigures, 'quantity' | 'filled'>): OrdStatus {
  if (!isPositive(decimal(filled))) return 'busted';
  return compare(decimal(filled), decimal(quantity)) > 0 ? 'overfilled' : 'filled';
}

/** The status after a stored event; `figures` include the event's own. */
function statusAfter(status: OrdStatus, event: OrderEvent['type'], figures: OrderFigures): OrdStatus {
  const transition: Row[OrdStatus] = orderStates[event][status];
  switch (transition.act) {
    case 'move':
      return transition.to;
    case 'rest':
      return restOf(figures);
    case 'restProven':
      return figures.replacing ? status : restOf(figures);
    case 'restEnded':
      return restOfEnded(figures);
    default:
      return status;
  }
}

/**
 * The standing after a stored event: the Order and every read model fold it. Throws without a standing before, except
 * for OrderPlaced.
 */
export function standingAfter(before: OrderStanding | undefined, event: OrderEvent): OrderStanding {
  if (event.type === 'OrderPlaced') {
    return {
      status: 'pendingNew',
      quantity: event.data.quantity,
      filled: zero,
      canceling: false,
      replacing: false,
      paused: undefined,
    };
  }
  if (before === undefined) throw new Error(`${event.type} of an order that was never placed`);
  const figures = { ...before, ...figuresOf(event) };
  const status = statusAfter(before.status, event.type, figures);
  const over = isTerminal(status) ? { canceling: false, replacing: false, paused: undefined } : {};
  return { ...figures, ...over, status };
}

/** Shares that may still trade: none once the order has ended (FIX LeavesQty). */
export function leavesOf({ status, quantity, filled }: Pick<OrderStanding, 'status' | 'quantity' | 'filled'>): Decimal {
  const open = subtract(decimal(quantity), decimal(filled));
  return isTerminal(status) || !isPositive(open) ? zero : open;
}

/** What an event changes besides the status. */
function figuresOf(event: OrderEvent): Partial<OrderFigures> {
  switch (event.type) {
    case 'OrderExecuted':
    case 'OrderExecutionBusted':
    case 'OrderExecutionCorrected':
      return { filled: event.data.cumulativeQuantity };
    case 'OrderCancelRequested':
      return { canceling: true };
    case 'OrderCancelRejected':
      return { canceling: false };
    case 'OrderReplaceRequested':
      return { replacing: true };
    case 'OrderReplaceRejected':
      return { replacing: false };
    case 'OrderReplaced':
      return { replacing: false, paused: undefined, quantity: event.data.quantity };
    default:
      return event.type in pauseAfter ? { paused: pauseAfter[event.type as keyof typeof pauseAfter] } : {};
  }
}

const pauseAfter = {
  OrderDoneForDay: 'doneForDay',
  OrderSuspended: 'suspended',
  OrderResumed: undefined,
} as const satisfies Partial<Record<OrderEvent['type'], Pause | undefined>>;
