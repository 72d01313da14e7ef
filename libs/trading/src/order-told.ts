import {
  OrderAccepted,
  OrderCanceled,
  OrderCancelRejected,
  OrderDenied,
  OrderDoneForDay,
  OrderExecuted,
  OrderExecutionBusted,
  OrderExecutionCorrected,
  OrderExpired,
  OrderOutcomeUnknown,
  OrderRejected,
  OrderReplaced,
  OrderReplaceRejected,
  OrderSubmitted,
  OrderSuspended,
  type OrderChange,
  type OrderEvent,
} from '@tradecore/events';
import { zero, type Decimal } from '@tradecore/money';
import type { Executions } from './order-executions.ts';
import { leavesOf, standingAfter, type OrderStanding } from './order-states.ts';

/** The event that a change becomes in an order of this standing: what the saga tells of executions gets the order's figures after it. */
export function toldEvent(change: OrderChange, standing: OrderStanding, executions: Executions): OrderEvent {
  const eventWith = withFigures(change, executions);
  if (eventWith === undefined) return new plain[change.type as keyof typeof plain](change.data as never);
  return eventWith(leavesOf(standingAfter(standing, eventWith(zero))));
}

function withFigures(change: OrderChange, executions: Executions): ((leaves: Decimal) => OrderEvent) | undefined {
  switch (change.type) {
    case 'OrderExecuted': {
      const cumulativeQuantity = executions.filledWith(change.data.executionId, change.data.quantity);
      return (leavesQuantity) => new OrderExecuted({ ...change.data, cumulativeQuantity, leavesQuantity });
    }
    case 'OrderExecutionCorrected': {
      const { executionId, quantity } = change.data;
      const [cumulativeQuantity, was] = [executions.filledWith(executionId, quantity), wasOf(executionId, executions)];
      return (leavesQuantity) => new OrderExecutionCorrected({ ...change.data, was, cumulativeQuantity, leavesQuantity });
    }
    case 'OrderExecutionBusted': {
      const { executionId } = change.data;
      const [cumulativeQuantity, was] = [executions.filledWith(executionId, zero), wasOf(executionId, executions)];
      return (leavesQuantity) => new OrderExecutionBusted({ executionId, was, cumulativeQuantity, leavesQuantity });
    }
    default:
      return undefined;
  }
}

function wasOf(executionId: string, executions: Executions) {
  const was = executions.get(executionId);
  if (was === undefined) throw new Error(`execution ${executionId} was never told`);
  return was;
}

/** Changes that become events as they are. */
const plain = {
  OrderDenied,
  OrderSubmitted,
  OrderAccepted,
  OrderRejected,
  OrderOutcomeUnknown,
  OrderCancelRejected,
  OrderCanceled,
  OrderReplaced,
  OrderReplaceRejected,
  OrderExpired,
  OrderDoneForDay,
  OrderSuspended,
} satisfies Record<Exclude<OrderChange['type'], `OrderExecut${string}`>, unknown>;
