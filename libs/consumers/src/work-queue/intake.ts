import type { EventClass, RecordedEvent } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';

/** Writes rows for steps: a provider of a service with `IntakeModule`, which finds it. */
export interface Intake {
  /** The steps that it takes; it ignores other steps of their topics. */
  readonly steps: readonly EventClass[];
  /**
   * Writes down the steps received, in order, in the transaction that moves the offsets. Every step is in the store and
   * in its newest shape. A step is delivered again after `begin_again`, and must not create a second row then. A value
   * that PostgreSQL refuses parks its step.
   */
  take(tx: Transaction, steps: readonly RecordedEvent[]): Promise<void>;
  /** Called after the commit, to notify the workers on the rows. A call may be missed; never throws. */
  taken?(): void;
}

/** Whether a provider is an intake. */
export const isIntake = (candidate: unknown): candidate is Intake => {
  const { steps, take } = (candidate ?? {}) as Partial<Intake>;
  return Array.isArray(steps) && typeof take === 'function';
};
