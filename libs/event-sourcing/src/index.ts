export { DomainError, type ErrorKind } from './domain-error.ts';
export {
  BrokenHistory,
  Busy,
  ConcurrencyException,
  DatabaseUnavailable,
  EventIdTaken,
  InvalidSave,
  OutcomeUnknown,
  PayloadTooLarge,
  TextNotStorable,
  UnhandledEvent,
  type Conflict,
  type TakenId,
} from './store-errors.ts';
export { BaseAggregate, type AggregateClass, type AnyAggregate, type Handlers } from './base-aggregate.ts';
export {
  EventStore,
  type AsOf,
  type DecideOptions,
  type ReadAllOptions,
  type ReadRange,
  type Saved,
  type SaveOptions,
} from './event-store.ts';
export { createEventStore, PostgresEventStore, type EventStoreOptions } from './postgres-event-store.ts';
export type { Transaction } from './sql-event-store.ts';
export { TransactionEventStore, type LockOptions } from './transaction-event-store.ts';
export { LoadedMany, type Wanted, type WarmAggregate } from './load-many.ts';
export type { SnapshotPolicy } from './snapshots.ts';
export { InMemoryEventStore } from './in-memory-event-store.ts';
export { retryOnConflict } from './retry-on-conflict.ts';
export { migrate, missingMigrations, schemaVersion, type MigrateOptions } from './migrate.ts';
export { readMigrations, roleName, storeMigrations, type Migration } from './migrations.ts';
export { MissingRoles } from './roles.ts';
export { eventHash, firstPrevious, verifyChains, type ChainFault, type HashedFields } from './hash-chain.ts';
export { limits, type PartToSave, type PreparedEvent, type PrepareOptions, type Target } from './save.ts';
export {
  LeaseLost,
  Outbox,
  readBacklog,
  type Backlog,
  type BatchLimits,
  type CurrentBatch,
  type HaltReason,
  type Lease,
  type LeaseAnswer,
  type OutboxEvent,
  type OutboxOptions,
} from './outbox.ts';
export { checkOut, poolOf, type CheckedOut } from './checkout.ts';
export { DatabaseClient, poolLimits } from './database-client.ts';
export { databaseFault, isDatabaseAway, isDataError, type DatabaseFault } from './database-faults.ts';
export { OutboxListener } from './outbox-listener.ts';
export { HaltedOutbox, NotHalted, type Decision, type Resumed } from './halted-outbox.ts';
