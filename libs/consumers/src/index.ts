export { On, Projector, type Appending, type ProjectorClass, type ProjectorOptions, type RowOf } from './projector.ts';
export { fold, foldAppended } from './fold.ts';
export {
  commandsMigration,
  sagaMigration,
  subscriptionMigration,
  type ConsumerMigrationOptions,
  type SubscriptionMigrationOptions,
} from './schema.ts';
export { ProjectorsModule, ProjectorStrategy, type ProjectorsOptions } from './projector-strategy.ts';
export { CommitListener, ProjectorWork, type ProjectorParts } from './projector-work.ts';
export {
  Subscription,
  type DeadLetter,
  type EventRecord,
  type Handled,
  type SubscriptionParts,
  type SubscriptionStatus,
  type Work,
} from './subscription.ts';
export { readinessOf, type ReadinessCheck } from './readiness.ts';
export { rebuildProjection, redrive, resumeProjection, type OperatorParts } from './operate.ts';
export { ProjectionBusy, type Redriven } from './redrive.ts';
export { LogCutOff, ModelDiverged, PositionLost, ProjectionStopped } from './errors.ts';
export { parkReasons, type ParkReason } from './metrics.ts';
export type { Unusable } from './positions.ts';
export { Handles, type CommandHandler, type CommandHandlerClass } from './handles.ts';
export { CommandsModule, CommandStrategy, type CommandsOptions } from './command-strategy.ts';
export type { Saga, SagaClass } from './saga.ts';
export { SagasModule, SagaStrategy, type SagasOptions } from './saga-strategy.ts';
export { CommandDecider, type CommandDeciderOptions } from './command-decider.ts';
export { DecidingWork, type DecidingParts } from './deciding-work.ts';
export { RunningSaga, type RunningSagaParts } from './running-saga.ts';
export { backoffMs, WorkQueue, type Attend, type WorkQueueOptions } from './work-queue.ts';
export { ClaimLost, workMigration, type Memo, type Verdict, type WorkItem, type WorkMigrationOptions } from './work-rows.ts';
