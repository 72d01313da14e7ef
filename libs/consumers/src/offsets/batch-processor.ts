import type { RecordedEvent } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';
import type { DeadLetterNote, IncomingMessage } from '@tradecore/messaging';
import type { Log, MoveStatement, UnusableOffset } from './offsets.ts';

/** A record that is an event. */
export interface EventRecord {
  readonly event: RecordedEvent;
  readonly message: IncomingMessage;
}

/** A record that could not be handled, and what is said about it. */
export interface DeadLetter {
  readonly message: IncomingMessage;
  readonly note: Omit<DeadLetterNote, 'group'>;
}

/** Records of one partition or several, to be handled in one transaction that also moves their offsets. */
export interface RecordBatch {
  readonly records: readonly EventRecord[];
  /** It is one record, and it can't be handled: a value of it was refused just now. */
  readonly isolated: boolean;
  /** Locks and moves the offsets: the first statement of the transaction. Throws `OffsetLost`, `ProjectionStopped`. */
  moveOffsets(tx: Transaction): Promise<void>;
  /** The same as a part of a larger statement. */
  readonly move: MoveStatement;
  /** Sends dead letters: awaited before the commit, and never while heads of aggregates are locked. */
  deadLetter(letters: readonly DeadLetter[]): Promise<void>;
}

/** What a subscription does with its records: a projector, a process and an intake are kinds of it. */
export interface BatchProcessor {
  /** Name of the consumer group; without namespace. */
  readonly name: string;
  readonly topics: readonly string[];
  /** Where its offsets are kept, */
  readonly schema: string;
  /** and the table there whose one row says on which log they are and whether it is stopped. */
  readonly state: 'projection' | 'consumer';
  /** Of the fold, where there is one. */
  readonly version?: number | undefined;
  /** Records of one transaction at most. */
  readonly maxRecords: number;
  /** Called once before the first record. */
  open(): Promise<void>;
  /**
   * Ids of the aggregates that a record concerns. `undefined`: it means nothing and costs no transaction; its offset moves with the next batch
   * that writes, or after a second.
   */
  idsOf(event: RecordedEvent): readonly string[] | undefined;
  /**
   * Handles records in a transaction; resolves when it is committed. Whatever it throws has changed nothing; `Busy`: the record comes again
   * later, others of its partition before it.
   */
  handle(batch: RecordBatch): Promise<void>;
  /** Called every two seconds while it runs: for what operators ask. */
  poll(): Promise<void>;
  /** Makes offsets usable, on this log. False when another instance is at it. */
  build(unusable: UnusableOffset, log: Log): Promise<boolean>;
}
