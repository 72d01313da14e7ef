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
  StoreClosed,
  TextNotStorable,
  UnhandledEvent,
  type Conflict,
  type TakenId,
} from './store/store-errors.ts';
export { BaseAggregate, type AggregateClass, type AnyAggregate, type Handlers } from './base-aggregate.ts';
export {
  EventStore,
  type AsOf,
  type DecideOptions,
  type ReadAllOptions,
  type ReadRange,
  type Saved,
  type SaveOptions,
} from './store/event-store.ts';
export { createEventStore, PostgresEventStore, type EventStoreOptions } from './store/postgres-event-store.ts';
export { StoreIdentity, type Identity } from './store/store-identity.ts';
export { withTexts, type Transaction } from './store/sql-event-store.ts';
export { TransactionEventStore, type LockOptions } from './store/transaction-event-store.ts';
export { LoadedMany, type Wanted, type WarmAggregate } from './load/load-many.ts';
export type { SnapshotPolicy } from './load/snapshots.ts';
export { InMemoryEventStore } from './store/in-memory-event-store.ts';
export { retryOnConflict } from './store/retry-on-conflict.ts';
export { EditedMigrations, migrate, missingMigrations, schemaVersion, type MigrateOptions } from './schema/migrate.ts';
export { readMigrations, roleName, storeMigrations, type Migration } from './schema/migrations.ts';
export { MissingRoles } from './schema/roles.ts';
export { eventHash, firstPrevious, verifyChains, type ChainFault, type HashedFields } from './load/hash-chain.ts';
export { limits, type PartToSave, type PreparedEvent, type PrepareOptions, type Target } from './append/save.ts';
export {
  LeaseLost,
  Outbox,
  readBacklog,
  relayNames,
  type Backlog,
  type BatchLimits,
  type CurrentBatch,
  type HaltReason,
  type Lease,
  type LeaseAnswer,
  type OutboxEvent,
  type OutboxOptions,
} from './outbox/outbox.ts';
export { checkOut, poolOf, type CheckedOut } from './sessions/checkout.ts';
export { answerWithin, DatabaseClient, poolLimits } from './sessions/database-client.ts';
export { mustOwnSessions, SessionsShared } from './sessions/own-session.ts';
export { databaseFault, isDatabaseAway, isDataError, type DatabaseFault } from './sessions/database-faults.ts';
export { OutboxListener } from './outbox/outbox-listener.ts';
export {
  HaltedOutbox,
  NotHalted,
  type Decision,
  type GivenUp,
  type PublishedEvent,
  type Resumed,
} from './outbox/halted-outbox.ts';
