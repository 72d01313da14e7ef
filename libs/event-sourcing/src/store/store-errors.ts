import { DomainError } from '../domain-error.ts';

/** An aggregate of a save that is not at the expected version. */
export interface Conflict {
  readonly aggregateId: string;
  readonly expected: number;
  readonly found: number;
}

/**
 * Another writer was faster: some aggregates changed since they were loaded. Load, decide and save again
 * (`retryOnConflict`).
 */
export class ConcurrencyException extends DomainError {
  readonly code = 'version-conflict';
  readonly kind = 'conflict';
  /** The first of the conflicts. */
  readonly aggregateId: string;
  readonly expected: number;
  readonly found: number;

  /** `conflicts`: every part of the save at an unexpected version, in the order of the save; at least one. */
  constructor(readonly conflicts: readonly Conflict[]) {
    const [first] = conflicts;
    if (!first) throw new TypeError('a conflict without an aggregate');
    const { aggregateId, expected, found } = first;
    const others = conflicts.length > 1 ? `, and ${conflicts.length - 1} more` : '';
    super(`aggregate ${aggregateId} is at version ${found}, not ${expected}${others}`, { aggregateId, expected, found });
    this.aggregateId = aggregateId;
    this.expected = expected;
    this.found = found;
  }
}

/** An event id of a save that is already in the store. */
export interface TakenId {
  readonly eventId: string;
  /** The part of the save that contains the event. */
  readonly aggregateId: string;
  /**
   * The aggregate that has an event with this id: another one, or the same if only some decisions of the save are
   * repeats.
   */
  readonly takenBy: string;
}

/**
 * Nothing was stored: an event id of the save is already in the store, and the save as a whole is not a repeat. An id
 * given to an event is taken, or some decisions in the save were stored before: leave those out.
 */
export class EventIdTaken extends DomainError {
  readonly code = 'event-id-taken';
  readonly kind = 'conflict';
  /** The parts of the save with such an event. */
  readonly aggregateIds: readonly string[];
  /** The aggregate that has the first of the ids. */
  readonly takenBy: string;

  /** `taken`: every such id, in the order of the save; at least one. */
  constructor(readonly taken: readonly TakenId[]) {
    const [first] = taken;
    if (!first) throw new TypeError('no id is taken');
    const { eventId, aggregateId, takenBy } = first;
    super(`event ${eventId} of ${aggregateId} is already in the store, in ${takenBy}`, { eventId, aggregateId, takenBy });
    this.aggregateIds = [...new Set(taken.map((each) => each.aggregateId))];
    this.takenBy = takenBy;
  }
}

/** Nothing was stored: another save holds the aggregate, or the queue is full. Retry later. */
export class Busy extends DomainError {
  readonly code = 'store-busy';
  readonly kind = 'busy';
}

/** Nothing was stored: the database is unreachable, read-only, out of space or shutting down. Retry later. */
export class DatabaseUnavailable extends DomainError {
  readonly code = 'database-unavailable';
  readonly kind = 'busy';

  constructor(options?: ErrorOptions) {
    super('The database is currently unavailable.', undefined, options);
  }
}

/**
 * Nothing was stored: the store was restored, or found to be an older state of itself, and is closed until an operator
 * has decided what happens to the events after that state. Retry later.
 */
export class StoreClosed extends DomainError {
  readonly code = 'store-restored';
  readonly kind = 'busy';

  constructor(options?: ErrorOptions) {
    super('The store was restored to an earlier state and is closed until an operator opens it.', undefined, options);
  }
}

/**
 * The connection broke and a retry got no answer in time: the save may or may not be stored. Retry with the same
 * command id.
 */
export class OutcomeUnknown extends DomainError {
  readonly code = 'outcome-unknown';
  readonly kind = 'unknown-outcome';
}

/** An event or a save is over its limit (`limits`). */
export class PayloadTooLarge extends DomainError {
  readonly code = 'payload-too-large';
  readonly kind = 'invalid';
}

/** A string holds U+0000 or a lone surrogate: PostgreSQL can't keep the first, UTF-8 can't carry the second. */
export class TextNotStorable extends DomainError {
  readonly code = 'text-not-storable';
  readonly kind = 'invalid';
}

/** A save that no retry can fix: an event this service may not write, a value the database refuses. A bug. */
export class InvalidSave extends Error {
  override readonly name = 'InvalidSave';
}

/**
 * An aggregate lacks `on<EventName>` for an event of its history. A bug: it would load with part of its state missing.
 */
export class UnhandledEvent extends Error {
  override readonly name = 'UnhandledEvent';
  constructor(aggregate: string, type: string) {
    super(`${aggregate} has no method on${type}`);
  }
}

/** A stored history with a gap, or of another type. `append_events` never writes one. */
export class BrokenHistory extends Error {
  override readonly name = 'BrokenHistory';
}
