import type { Event, RecordedEvent } from '@tradecore/events';
import type { AggregateClass, AnyAggregate } from '@tradecore/event-sourcing';

/** A step that was asked: its name, and the aggregate it concerns. */
export interface OpenStep {
  readonly commandId: string;
  readonly target: string;
}

/** A process manager over several aggregates. Pure: no clock, no I/O. */
export interface Process {
  /** The process's own aggregate is the LAST class. Decisions and ids use this order. */
  readonly aggregates: readonly AggregateClass<AnyAggregate>[];
  /**
   * Ids of the aggregates that a decision about this event concerns, in that order; `undefined`: irrelevant (no lock,
   * no transaction).
   */
  idsOf(event: RecordedEvent): readonly string[] | undefined;
  /**
   * What follows from an event, as events by aggregate. Nothing is applied to the aggregates here: they are read-only.
   * A repeated input yields nothing. `event` is in its newest shape; `now` is RFC 3339, UTC, from the database's clock.
   */
  decide(event: RecordedEvent, aggregates: readonly AnyAggregate[], now: string): readonly (readonly Event[])[];
  /**
   * The next deadline, from the process's state and the versions heard by aggregate id. `undefined`: none. RFC 3339.
   * `received`: what `onDeadline` was just given: a step that the other side has received needs no deadline.
   */
  dueAt(process: AnyAggregate, heard: Readonly<Record<string, number>>, received?: ReadonlySet<string>): string | undefined;
  /** Steps that a deadline may ask again. */
  openSteps(process: AnyAggregate): readonly OpenStep[];
  /**
   * The deadline has passed; `received` are the command ids of those of `openSteps` that the other side has received.
   * Not called when it has received them all: nothing follows and the runtime waits on without a deadline. Must move
   * `dueAt`.
   */
  onDeadline(aggregates: readonly AnyAggregate[], received: ReadonlySet<string>, now: string): readonly (readonly Event[])[];
  isEnded(process: AnyAggregate): boolean;
  /** An operator has to look: no answer arrived within its budget. */
  isStuck(process: AnyAggregate): boolean;
}
