import type { RecordedEvent } from '@tradecore/events';
import type { AggregateClass, AnyAggregate } from '@tradecore/event-sourcing';

/**
 * A process manager: an aggregate whose events are its steps and what it noted. Pure decisions, no clock of its own: `now` (RFC 3339, UTC) is
 * the database's.
 */
export interface Saga extends AnyAggregate {
  /** Decides what an event means. Nothing applied: it means nothing. Hearing the same again must not double anything. */
  hear(event: RecordedEvent, now: string): void;
  /** Decides what it means that the earliest deadline has passed. Must move `dueAt`. */
  wake(now: string): void;
  /** The earliest deadline, RFC 3339; `undefined` when it waits for none. */
  readonly dueAt: string | undefined;
  /** Whether it is done; it may still hear of something and go on. */
  readonly isEnded: boolean;
  /** Whether somebody has to look: what it waits for has not come within its budget. */
  readonly isStuck: boolean;
}

/** The class of a saga. */
export interface SagaClass<S extends Saga = Saga> extends AggregateClass<S> {
  /** The saga that the event concerns; `undefined` when none. */
  sagaIdOf(event: RecordedEvent): string | undefined;
  /** Whether the event begins its saga; others are skipped where there is no saga. */
  starts(event: RecordedEvent): boolean;
}
