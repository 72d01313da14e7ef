export {
  fold,
  foldAppended,
  On,
  Projector,
  type Appending,
  type ProjectorClass,
  type ProjectorOptions,
  type RowOf,
} from './projector/projector.ts';
export { projectorMigration, type ProjectorMigrationOptions } from './projector/migration.ts';
export { ProjectorsModule, ProjectorStrategy, type ProjectorsOptions } from './projector/projector-module.ts';
export { CommitListener, ProjectorBatches, type ProjectorParts } from './projector/projector-batches.ts';
export { rebuildProjection, redrive, resumeProjection, type OperatorParts } from './projector/operate.ts';
export { ProjectionBusy, type Redriven } from './projector/redrive.ts';
export { parkReasons, type ParkReason } from './projector/projection-metrics.ts';
export {
  Subscription,
  type BatchProcessor,
  type DeadLetter,
  type EventRecord,
  type Handled,
  type SubscriptionParts,
  type SubscriptionStatus,
} from './offsets/subscription.ts';
export type { Unusable } from './offsets/offsets.ts';
export { readinessOf, type ReadinessCheck } from './offsets/readiness.ts';
export { LogCutOff, ModelDiverged, OffsetLost, ProjectionStopped } from './offsets/errors.ts';
export { BoundedCache } from './offsets/bounded-cache.ts';
export { savepoint } from './offsets/transaction.ts';
export { commandsMigration, sagaMigration, type ConsumerMigrationOptions } from './process/migrations.ts';
export { Handles, type CommandHandler, type CommandHandlerClass } from './process/handles.ts';
export { CommandsModule, CommandStrategy, type CommandsOptions } from './process/command-strategy.ts';
export type { Saga, SagaClass } from './process/saga.ts';
export { SagasModule, SagaStrategy, type SagasOptions } from './process/saga-strategy.ts';
export { CommandDecider, type CommandDeciderOptions } from './process/command-decider.ts';
export { DecidingBatches, type DecidingParts } from './process/deciding-work.ts';
export { RunningSaga, type RunningSagaParts } from './process/running-saga.ts';
export { backoffMs } from './work-queue/backoff.ts';
export { KeyedMutex } from './work-queue/keyed-mutex.ts';
export { WorkQueue, type WorkHandler, type WorkQueueOptions } from './work-queue/work-queue.ts';
export {
  ClaimLost,
  workMigration,
  type Verdict,
  type WorkItem,
  type WorkMigrationOptions,
  type WorkState,
} from './work-queue/work-rows.ts';
