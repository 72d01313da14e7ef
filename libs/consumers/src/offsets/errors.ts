import { isDataError } from '@tradecore/event-sourcing';

/** The model holds an event that the store does not hold. Stops the projection until an operator decides. */
export class ModelDiverged extends Error {
  override readonly name = 'ModelDiverged';
  constructor(
    readonly aggregateId: string,
    readonly version: number,
    readonly held: string | null,
    readonly stored: string | null,
  ) {
    super(`the model holds ${held ?? 'nothing'} as version ${version} of ${aggregateId}, the store holds ${stored ?? 'nothing'}`);
  }
}

/** The partition belongs to another owner, or a builder is running: nothing was written. */
export class OffsetLost extends Error {
  override readonly name = 'OffsetLost';
}

/**
 * Records were deleted from the log before they were read: the offset is useless, and the missing events must come from
 * the store.
 */
export class LogCutOff extends Error {
  override readonly name = 'LogCutOff';
}

/** The projection is stopped for the given reason. `select <schema>.resume()` when the cause is fixed. */
export class ProjectionStopped extends Error {
  override readonly name = 'ProjectionStopped';
}

/**
 * A process or an intake cannot continue by itself: the log no longer reaches back to its offset, or is a different
 * log. The message says what to do.
 */
export class ConsumerHalted extends Error {
  override readonly name = 'ConsumerHalted';
}

/**
 * A decision was applied to one aggregate but not to another, because a handler threw: nothing decided with it may be
 * stored.
 */
export class HalfApplied extends Error {
  override readonly name = 'HalfApplied';
}

/** Whether a single record of a batch is to blame: alone it can be parked, and its neighbours pass. */
export const isFaultOfOne = (error: unknown): boolean => isDataError(error) || error instanceof HalfApplied;

/** Longer reasons are truncated to keep the row small. */
const maxReasonLength = 500;

/**
 * The reason stored with a parked item: a known reason and the error message. Without U+0000, which PostgreSQL refuses.
 */
export const parkedReason = (reason: string, error: unknown): string =>
  `${reason}: ${error instanceof Error ? error.message : String(error)}`
    .replaceAll('\0', '')
    .toWellFormed()
    .slice(0, maxReasonLength);
