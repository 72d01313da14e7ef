import { isDataError } from '@tradecore/event-sourcing';

/** The model holds an event that the store does not: nothing may be built upon it. Stops the projection until an operator decides. */
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

/** The partition belongs to another owner, or a builder is at work: nothing was written. */
export class OffsetLost extends Error {
  override readonly name = 'OffsetLost';
}

/** Records were deleted from the log before they were read: the offset is worth nothing, the store has to fill in. */
export class LogCutOff extends Error {
  override readonly name = 'LogCutOff';
}

/** The projection is stopped: see the reason; `resumeProjection` when the cause is gone. */
export class ProjectionStopped extends Error {
  override readonly name = 'ProjectionStopped';
}

/** A process or an intake can't go on by itself: the log does not reach back to its offset, or is another. The message names what to do. */
export class ConsumerHalted extends Error {
  override readonly name = 'ConsumerHalted';
}

/** A decision was applied to one aggregate and not to another, for a handler threw: nothing that was decided with it may be stored. */
export class HalfApplied extends Error {
  override readonly name = 'HalfApplied';
}

/** Whether one record of a batch is to blame: alone it can be parked, and its neighbours pass. */
export const isFaultOfOne = (error: unknown): boolean => isDataError(error) || error instanceof HalfApplied;

/** Longer reasons are cut: a row must stay small. */
const maxReasonLength = 500;

/** What stands as the reason of what is parked: one of the known reasons, and what went wrong. PostgreSQL would refuse U+0000. */
export const parkedReason = (reason: string, error: unknown): string =>
  `${reason}: ${error instanceof Error ? error.message : String(error)}`
    .replaceAll('\0', '')
    .toWellFormed()
    .slice(0, maxReasonLength);
