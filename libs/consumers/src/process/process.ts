import type { Event, RecordedEvent } from '@tradecore/events';
import type { AggregateClass, AnyAggregate } from '@tradecore/event-sourcing';

/** A step that was asked: its name, and the aggregate that it is about. */
export interface OpenStep {
  readonly commandId: string;
  readonly target: string;
}

/** A process manager over several aggregates. Pure: no clock, no I/O. */
export interface Process {
  /** The process's own aggregate is the LAST class. Decisions and ids are in this order. */
  readonly aggregates: readonly AggregateClass<AnyAggregate>[];
  /** Ids of the aggregates that a decision about this event concerns, in that order; `undefined`: it means nothing (no lock, no transaction). */
  idsOf(event: RecordedEvent): readonly string[] | undefined;
  /**
   * What follows from an event, as events by aggregate. Nothing is applied to the aggregates here: they are read only. The same input again:
   * nothing follows. `event` is in its newest shape; `now` is RFC 3339, UTC, and the database's.
   */
  decide(event: RecordedEvent, aggregates: readonly AnyAggregate[], now: string): readonly (readonly Event[])[];
  /**
   * The deadline that is waited for, from the process's state and the versions heard by aggregate id. `undefined`: none. RFC 3339. `received`: as
   * `onDeadline` was asked with it just now: a step that the other side has is waited for without a deadline.
   */
  dueAt(process: AnyAggregate, heard: Readonly<Record<string, number>>, received?: ReadonlySet<string>): string | undefined;
  /** Steps that a deadline may ask again. */
  openSteps(process: AnyAggregate): readonly OpenStep[];
  /**
   * The deadline has passed: `received` are the command ids of those of `openSteps` that the other side has. Has it all of them, this is not called: nothing
   * follows and the runtime stops waiting. Must move `dueAt`.
   */
  onDeadline(aggregates: readonly AnyAggregate[], received: ReadonlySet<string>, now: string): readonly (readonly Event[])[];
  isEnded(process: AnyAggregate): boolean;
  /** An operator has to look: what it waits for has not come within its budget. */
  isStuck(process: AnyAggregate): boolean;
}
