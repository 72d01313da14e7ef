import type { EventClass, RecordedEvent } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';

/** Writes rows for steps: a provider of a service with `IntakeModule`, which finds it. */
export interface Intake {
  /** The steps that it takes; others of their topics are left to others. */
  readonly steps: readonly EventClass[];
  /**
   * Writes down what came, in order, in the transaction that moves the offsets. Every step is one of the store's, in its newest shape. A step
   * comes again after `begin_again`, and must make no second row then. A value that PostgreSQL refuses parks its step.
   */
  take(tx: Transaction, steps: readonly RecordedEvent[]): Promise<void>;
  /** Called after the commit: to notify the workers on the rows. It may be missed; never throws. */
  taken?(): void;
}

/** Whether a provider is one. */
export const isIntake = (candidate: unknown): candidate is Intake => {
  const { steps, take } = (candidate ?? {}) as Partial<Intake>;
  return Array.isArray(steps) && typeof take === 'function';
};
