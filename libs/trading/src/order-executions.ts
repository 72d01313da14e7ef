import type { Execution, OrderChange } from '@tradecore/events';
import { add, decimal, isPositive, subtract, zero, type Decimal } from '@tradecore/money';

type Figures = Pick<Execution, 'quantity' | 'price'>;

/** What of an order has traded: each execution once, with the figures that it has now; one that was taken back keeps its price and has quantity 0. */
export class Executions {
  readonly #byId = new Map<string, Figures>();
  #filled: Decimal = zero;

  /** Shares that have traded. */
  get filled(): Decimal {
    return this.#filled;
  }

  /** The figures of an execution; undefined when it was never told. */
  get(executionId: string): Figures | undefined {
    return this.#byId.get(executionId);
  }

  /** Adds an execution, or gives it the figures that it has now. */
  set({ executionId, quantity, price }: Figures & Pick<Execution, 'executionId'>): void {
    this.#filled = this.filledWith(executionId, quantity);
    this.#byId.set(executionId, { quantity, price });
  }

  /** What would have traded if this execution had this quantity. */
  filledWith(executionId: string, quantity: string): Decimal {
    const before = decimal(this.#byId.get(executionId)?.quantity ?? zero);
    return add(subtract(this.#filled, before), decimal(quantity));
  }

  /** Why a change about an execution changes nothing; undefined where it does, and for all other changes. */
  objectionTo(change: OrderChange): string | undefined {
    if (change.type === 'OrderExecuted') return this.#byId.has(change.data.executionId) ? 'this execution is known' : undefined;
    if (change.type !== 'OrderExecutionBusted' && change.type !== 'OrderExecutionCorrected') return undefined;
    const known = this.#byId.get(change.data.executionId);
    if (known === undefined) return 'there is no such execution';
    return isPositive(decimal(known.quantity)) ? undefined : 'this execution was taken back before';
  }
}
