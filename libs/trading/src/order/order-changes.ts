import {
  OrderExecuted,
  OrderExecutionBusted,
  OrderExecutionCorrected,
  orderWriters,
  type OrderChange,
  type OrderEvent,
} from '@tradecore/events';
import { decimal, isPositive, subtract, zero, type Decimal } from '@tradecore/money';
import { valueOf } from '../account/fees.ts';
import type { ExecutionFigures, Executions } from './order-executions.ts';
import { leavesOf, orderStates, standingAfter, type OrderStanding } from './order-states.ts';

/**
 * The event that a change becomes in an order with this standing; undefined if the state table or the known executions
 * say that it changes nothing. Execution events get their value and the order's new figures.
 */
export function eventOf(change: OrderChange, standing: OrderStanding, executions: Executions): OrderEvent | undefined {
  if (orderStates[change.type][standing.status].act === 'ignore' || executions.isKnown(change)) return undefined;
  switch (change.type) {
    case 'OrderExecuted': {
      const { executionId, quantity } = change.data;
      const totals = totalsOf(standing, executions.filledWith(executionId, quantity), 'OrderExecuted');
      return new OrderExecuted({ ...change.data, ...valueOf(change.data), ...totals });
    }
    case 'OrderExecutionCorrected': {
      const { executionId, quantity } = change.data;
      const totals = totalsOf(standing, executions.filledWith(executionId, quantity), 'OrderExecutionCorrected');
      return new OrderExecutionCorrected({
        ...change.data,
        ...valueOf(change.data),
        was: figuresOf(executionId, executions),
        ...totals,
      });
    }
    case 'OrderExecutionBusted': {
      const { executionId } = change.data;
      const totals = totalsOf(standing, executions.filledWith(executionId, zero), 'OrderExecutionBusted');
      return new OrderExecutionBusted({ executionId, was: figuresOf(executionId, executions), ...totals });
    }
    default:
      return new classes[change.type](change.data as never);
  }
}

/** The order's figures with this quantity filled; the leaves quantity depends on the status after the event. */
function totalsOf(standing: OrderStanding, cumulativeQuantity: Decimal, type: 'OrderExecuted' | `OrderExecution${string}`) {
  const after = standingAfter(standing, { type, data: { cumulativeQuantity } } as unknown as OrderEvent);
  const excess = subtract(cumulativeQuantity, decimal(standing.quantity));
  const excessQuantity = isPositive(excess) && !standing.replacing ? { excessQuantity: excess } : {};
  return { cumulativeQuantity, leavesQuantity: leavesOf(after), ...excessQuantity };
}

function figuresOf(executionId: string, executions: Executions): ExecutionFigures {
  const figures = executions.get(executionId);
  if (figures === undefined) throw new Error(`execution ${executionId} was never reported`);
  return figures;
}

const reported = orderWriters['order-saga'];

/** The class of each change, by its name. */
const classes = Object.fromEntries(reported.map((each) => [each.type, each])) as Record<
  OrderChange['type'],
  (typeof reported)[number]
>;
