import type { RecordedEvent } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';
import type { DeadLetterNote, IncomingMessage } from '@tradecore/messaging';
import type { Log, MoveStatement, UnusableOffset } from './offsets.ts';

/** A record that is an event. */
export interface EventRecord {
  readonly event: RecordedEvent;
  readonly message: IncomingMessage;
}

/** A record that could not be handled, and why. */
export interface DeadLetter {
  readonly message: IncomingMessage;
  readonly note: Omit<DeadLetterNote, 'group'>;
}

/** Records of one or more partitions, to be handled in one transaction that also moves their offsets. */
export interface RecordBatch {
  readonly records: readonly EventRecord[];
  /** A single record that could not be handled just now: one of its values was refused. */
  readonly isolated: boolean;
  /** Locks and moves the offsets: the first statement of the transaction. Throws `OffsetLost`, `ProjectionStopped`. */
  moveOffsets(tx: Transaction): Promise<void>;
  /** The same, as part of a larger statement. */
  readonly move: MoveStatement;
  /** Sends dead letters. Awaited before the commit, and never while aggregate heads are locked. */
  deadLetter(letters: readonly DeadLetter[]): Promise<void>;
}

/** What a subscription does with its records. Projectors, processes and intakes are batch processors. */
export interface BatchProcessor {
  /** Name of the consumer group, without namespace. */
  readonly name: string;
  readonly topics: readonly string[];
  /** The schema that holds its offsets, */
  readonly schema: string;
  /** and the table in it whose single row names the log and says whether the consumer is stopped. */
  readonly state: 'projection' | 'consumer';
  /** Version of the fold, if there is one. */
  readonly version?: number | undefined;
  /** Maximum number of records in one transaction. */
  readonly maxRecords: number;
  /** Called once before the first record. */
  open?(): Promise<void>;
  /**
   * Called when offsets are claimed: the database may have been restored since, so that what is remembered of earlier
   * batches and not verified by it counts no more.
   */
  forget?(): void;
  /**
   * Ids of the aggregates that a record concerns. `undefined`: the record is irrelevant and costs no transaction; its
   * offset moves with the next batch that writes, or after a second.
   */
  idsOf(event: RecordedEvent): readonly string[] | undefined;
  /**
   * Handles records in one transaction; resolves after the commit. If it throws, nothing has changed. `Busy`: the
   * record is retried later, and other records of its partition may overtake it.
   */
  handle(batch: RecordBatch): Promise<void>;
  /** Called every two seconds while it runs, to handle operator requests. */
  poll(): Promise<void>;
  /** Makes offsets usable on this log. False when another instance is doing so. */
  build(unusable: UnusableOffset, log: Log): Promise<boolean>;
}
