import type { Execution, OrderChange, Value } from '@tradecore/events';
import { add, decimal, isPositive, subtract, zero, type Decimal } from '@tradecore/money';

/** What is known of one execution: its figures as they stand now, and what was booked for it. */
export type ExecutionFigures = Pick<Execution, 'quantity' | 'price'> & Value;

/** What of an order has traded: each execution once, with the figures that it has now; one that was taken back has quantity 0. */
export class Executions {
  readonly #byId = new Map<string, ExecutionFigures>();
  #filled: Decimal = zero;

  /** Shares that have traded. */
  get filled(): Decimal {
    return this.#filled;
  }

  /** How many executions were reported, those that were taken back included. */
  get size(): number {
    return this.#byId.size;
  }

  /** The figures of an execution; undefined when it was never reported. */
  get(executionId: string): ExecutionFigures | undefined {
    return this.#byId.get(executionId);
  }

  /** Every execution by its id, in the order of their first reports. */
  entries(): readonly (readonly [string, ExecutionFigures])[] {
    return [...this.#byId];
  }

  /** Adds an execution, or gives it the figures that it has now. */
  set(executionId: string, { quantity, price, notional, fee }: ExecutionFigures): void {
    this.#filled = this.filledWith(executionId, quantity);
    this.#byId.set(executionId, { quantity, price, notional, fee });
  }

  /** What would have traded if this execution had this quantity. */
  filledWith(executionId: string, quantity: string): Decimal {
    const before = decimal(this.#byId.get(executionId)?.quantity ?? zero);
    return add(subtract(this.#filled, before), decimal(quantity));
  }

  /** Whether a change about an execution changes nothing: a report that is known, or a bust or correction without an execution to change. */
  isKnown(change: OrderChange): boolean {
    switch (change.type) {
      case 'OrderExecuted':
        return this.#byId.has(change.data.executionId);
      case 'OrderExecutionBusted':
        return !this.#stands(change.data.executionId);
      case 'OrderExecutionCorrected': {
        const { executionId, quantity, price } = change.data;
        const known = this.#byId.get(executionId);
        return !this.#stands(executionId) || (known?.quantity === quantity && known.price === price);
      }
      default:
        return false;
    }
  }

  #stands(executionId: string): boolean {
    return isPositive(decimal(this.#byId.get(executionId)?.quantity ?? zero));
  }
}
