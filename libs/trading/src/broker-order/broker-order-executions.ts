import { add, decimal, isPositive, subtract, zero, type Decimal } from '@tradecore/money';
import type { ReportName } from './brokerage-replies.ts';

/** An execution with its current figures; quantity zero if it was taken back. */
export interface StandingExecution {
  readonly executionId: string;
  /** The brokerage's id of its latest report. */
  readonly brokerageExecutionId: string;
  readonly quantity: Decimal;
  readonly price: string;
}

/**
 * The executions of one BrokerOrder, each once, under every id that the brokerage gave it: a correction of a correction
 * names the previous report.
 */
export class Executions {
  readonly #byId = new Map<string, StandingExecution>();
  /** Our id of the first report, by the brokerage's id of any report. */
  readonly #firstIds = new Map<string, string>();

  #quantity: Decimal = zero;

  /** Shares traded. */
  get quantity(): Decimal {
    return this.#quantity;
  }

  /** The execution that a report names, taken back or not; undefined if it was never reported. */
  find({ executionId, brokerageExecutionId }: ReportName): StandingExecution | undefined {
    return this.#byId.get(this.#firstIds.get(brokerageExecutionId) ?? executionId);
  }

  /** Whether this report is known: the first report, a correction or a bust. */
  hasReport(brokerageExecutionId: string): boolean {
    return this.#firstIds.has(brokerageExecutionId);
  }

  /** Executions that were not taken back. */
  standing(): StandingExecution[] {
    return [...this.#byId.values()].filter(({ quantity }) => isPositive(quantity));
  }

  /** Stores the figures of a report. `executionId` is that of the first report. */
  put({ executionId, brokerageExecutionId }: ReportName, quantity: string, price: string): void {
    const was = this.#byId.get(executionId)?.quantity ?? zero;
    this.#quantity = add(subtract(this.#quantity, was), decimal(quantity));
    this.#firstIds.set(brokerageExecutionId, executionId);
    this.#byId.set(executionId, { executionId, brokerageExecutionId, quantity: decimal(quantity), price });
  }

  /** Takes an execution back. */
  takeBack(name: ReportName): void {
    this.put(name, zero, this.#byId.get(name.executionId)?.price ?? zero);
  }
}
