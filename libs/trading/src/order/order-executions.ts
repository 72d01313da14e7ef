import type { Execution, OrderChange, Value } from '@tradecore/events';
import { add, decimal, isPositive, subtract, zero, type Decimal } from '@tradecore/money';

/** The current figures of one execution, and the value booked for it. */
export type ExecutionFigures = Pick<Execution, 'quantity' | 'price'> & Value;

/** What an order has traded: each execution once, with its current figures; one that was taken back has quantity 0. */
export class Executions {
  readonly #byId = new Map<string, ExecutionFigures>();
  #filled: Decimal = zero;

  /** Shares that have traded. */
  get filled(): Decimal {
    return this.#filled;
  }

  /** The number of reported executions, including those that were taken back. */
  get size(): number {
    return this.#byId.size;
  }

  /** The figures of an execution; undefined if it was never reported. */
  get(executionId: string): ExecutionFigures | undefined {
    return this.#byId.get(executionId);
  }

  /** Every execution by its id, in the order of their first reports. */
  entries(): readonly (readonly [string, ExecutionFigures])[] {
    return [...this.#byId];
  }

  /** Adds an execution, or updates its figures. */
  set(executionId: string, { quantity, price, notional, fee }: ExecutionFigures): void {
    this.#filled = this.filledWith(executionId, quantity);
    this.#byId.set(executionId, { quantity, price, notional, fee });
  }

  /** The filled quantity if this execution had this quantity. */
  filledWith(executionId: string, quantity: string): Decimal {
    const before = decimal(this.#byId.get(executionId)?.quantity ?? zero);
    return add(subtract(this.#filled, before), decimal(quantity));
  }

  /**
   * Whether a change about an execution changes nothing: a known report, or a bust or correction without an execution
   * to change.
   */
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
