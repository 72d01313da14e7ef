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
} from './store/store-errors.ts';
export { BaseAggregate, type AggregateClass, type AnyAggregate, type Handlers } from './base-aggregate.ts';
export { EventStore, type Saved, type SaveOptions } from './store/event-store.ts';
export { createEventStore, PostgresEventStore } from './store/postgres-event-store.ts';
export { StoreIdentity } from './store/store-identity.ts';
export { withTexts, type Transaction } from './store/sql-event-store.ts';
export { TransactionEventStore } from './store/transaction-event-store.ts';
export { LoadedMany, type Wanted, type WarmAggregate } from './load/load-many.ts';
export type { SnapshotPolicy } from './load/snapshots.ts';
export { InMemoryEventStore } from './store/in-memory-event-store.ts';
export { retryOnConflict } from './store/retry-on-conflict.ts';
export { EditedMigrations, migrate, missingMigrations } from './schema/migrate.ts';
export { readMigrations, storeMigrations, type Migration } from './schema/migrations.ts';
export { MissingRoles } from './schema/roles.ts';
export { verifyChains, type ChainFault } from './load/hash-chain.ts';
export { limits, type PartToSave, type PreparedEvent, type Target } from './append/save.ts';
export {
  LeaseLost,
  Outbox,
  readBacklog,
  relayNames,
  type Backlog,
  type CurrentBatch,
  type HaltReason,
  type Lease,
  type OutboxEvent,
} from './outbox/outbox.ts';
export { checkOut, poolOf } from './sessions/checkout.ts';
export { answerWithin, DatabaseClient, poolLimits } from './sessions/database-client.ts';
export { mustOwnSessions, SessionsShared } from './sessions/own-session.ts';
export { databaseFault, isDatabaseAway, isDataError } from './sessions/database-faults.ts';
export { OutboxListener } from './outbox/outbox-listener.ts';
export {
  HaltedOutbox,
  NotHalted,
  type Decision,
  type GivenUp,
  type PublishedEvent,
  type Resumed,
} from './outbox/halted-outbox.ts';
