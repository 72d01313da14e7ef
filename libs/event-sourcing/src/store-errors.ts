import { DomainError } from './domain-error.ts';

/** Somebody else wrote to the aggregate since it was loaded. Load, decide and save again (`retryOnConflict`). */
export class ConcurrencyException extends DomainError {
  readonly code = 'version-conflict';
  readonly kind = 'conflict';
  constructor(
    readonly aggregateId: string,
    readonly expected: number,
    readonly found: number,
  ) {
    super(`aggregate ${aggregateId} is at version ${found}, not ${expected}`, { aggregateId, expected, found });
  }
}

/** Nothing was stored: somebody holds the aggregate, the queue is full, or the database can't be reached. Try later. */
export class Busy extends DomainError {
  readonly code = 'store-busy';
  readonly kind = 'busy';
}

/** The connection broke and the database could not be asked again in time: stored or not, nobody knows. Retry with the same command id. */
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

/** A save that no retry can mend: not the writer of the type, an id used for something else, a value that the database refuses. A bug. */
export class InvalidSave extends Error {
  override readonly name = 'InvalidSave';
}

/** An aggregate has no `on<EventName>` for an event of its history. A bug: it would load with part of its state missing. */
export class UnhandledEvent extends Error {
  override readonly name = 'UnhandledEvent';
  constructor(aggregate: string, type: string) {
    super(`${aggregate} has no method on${type}`);
  }
}

/** The store holds a history with a hole, or one of another type. Never written by `append_events`. */
export class BrokenHistory extends Error {
  override readonly name = 'BrokenHistory';
}
