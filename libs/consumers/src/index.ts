export {
  declarationOf,
  fold,
  isProjector,
  On,
  Projector,
  type Appending,
  type ProjectorClass,
  type ProjectorOptions,
  type RowOf,
} from './projector/projector.ts';
export { projectorMigration, type ProjectorMigrationOptions } from './projector/migration.ts';
export { ProjectorsModule, ProjectorStrategy } from './projector/projector-module.ts';
export { CommitListener, ProjectorBatches, type ProjectorParts } from './projector/projector-batches.ts';
export { ProjectionBusy, type Redriven } from './projector/redrive.ts';
export { withoutNulls } from './projector/row-table.ts';
export { parkReasons, type ParkReason } from './projector/projection-metrics.ts';
export { Subscription, type SubscriptionParts, type SubscriptionStatus } from './offsets/subscription.ts';
export type { BatchProcessor, DeadLetter, EventRecord, RecordBatch } from './offsets/batch-processor.ts';
export type { Log, Unusable, UnusableOffset } from './offsets/offsets.ts';
export { readinessOf, type ReadinessCheck } from './offsets/readiness.ts';
export { LogCutOff, ModelDiverged, OffsetLost, ProjectionStopped } from './offsets/errors.ts';
export { BoundedCache } from './offsets/bounded-cache.ts';
export { inTransaction, savepoint, type PipelinedTransaction } from './offsets/transaction.ts';
export { intakeMigration, processMigration, workMigration } from './process/migrations.ts';
export type { OpenStep, Process } from './process/process.ts';
export { ProcessModule, ProcessStrategy, type ProcessOptions } from './process/process-module.ts';
export { RunningProcess, type RunningProcessParts } from './process/running-process.ts';
export type { Received } from './process/deadlines.ts';
export type { Intake } from './work-queue/intake.ts';
export { IntakeModule, IntakeStrategy, type IntakeOptions } from './work-queue/intake-module.ts';
export { IntakeBatches, type IntakeParts } from './work-queue/intake-batches.ts';
export { backoffMs } from './work-queue/backoff.ts';
export { KeyedMutex } from './work-queue/keyed-mutex.ts';
export { WorkQueue, type WorkHandler, type WorkQueueOptions } from './work-queue/work-queue.ts';
export { ClaimLost, type NewWork, type PutWork, type Verdict, type WorkItem, type WorkState } from './work-queue/work-rows.ts';
