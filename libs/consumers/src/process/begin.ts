import { randomUUID } from 'node:crypto';
import type { Catalogue, RecordedEvent } from '@tradecore/events';
import type { PostgresEventStore } from '@tradecore/event-sourcing';
import type { KafkaClient } from '@tradecore/messaging';
import type { DataSource } from 'typeorm';
import { mustBeSettled } from '../offsets/confirmed.ts';
import { ConsumerHalted } from '../offsets/errors.ts';
import { Offsets, renewMs, type Log, type UnusableOffset } from '../offsets/offsets.ts';
import { startingOffsets } from '../offsets/starting-offsets.ts';
import { inTransaction, outsideTransaction } from '../offsets/transaction.ts';

/** The common dependencies of a process and an intake. */
export interface ConsumerParts {
  readonly dataSource: DataSource;
  readonly store: PostgresEventStore;
  readonly catalogue: Catalogue;
  readonly kafka: KafkaClient;
  /** The running release; when absent, that of the root's package.json. */
  readonly release?: string | undefined;
}

/** The consumer that begins, and how it handles stored events. */
export interface Beginning extends ConsumerParts {
  readonly schema: string;
  readonly topics: readonly string[];
  /** Handles stored events, each in its own transaction or several together: those already handled are recognised. */
  readonly replay: (events: readonly RecordedEvent[]) => Promise<void>;
}

/** Events read from the store at once. */
const storeBatch = 100;

const found = {
  'older-version': 'the offsets are of an older version',
  'other-log': 'the log is not the one the offsets refer to',
  'below-log': 'the log was cut off before it was read',
  'beyond-log': 'the log ends before the offset',
};

/**
 * Makes the offsets of a process or an intake usable, never from a snapshot: from the log's start, or, after an
 * operator's `begin_again(since)`, from the stored events since then and after that from the log's end. Halts where the
 * log no longer holds unread records. False: another instance is doing this. Nothing is locked meanwhile: an instance
 * that replays the same events repeats only what is already done.
 */
export async function begin({ why, where }: UnusableOffset, log: Log, beginning: Beginning): Promise<boolean> {
  const { schema, topics, dataSource, kafka } = beginning;
  if (why !== 'never-built') {
    throw new ConsumerHalted(`${where}: ${found[why]}: see docs/runbooks/halted-consumer.md`);
  }
  const offsets = new Offsets({ schema, topics, state: 'consumer' });
  const outside = outsideTransaction(dataSource);
  const beginner = randomUUID();
  const row = await offsets.beginning(outside, beginner);
  if (!row) return false;
  const ended = new AbortController();
  const renewing = setInterval(() => {
    offsets.renew(outside, beginner).then(
      (isOurs) => isOurs || ended.abort(),
      () => undefined, // the next time
    );
  }, renewMs).unref();
  try {
    if (row.replayFrom !== null) await mustBeSettled(outside);
    // The ends are read before the store: all that the log holds up to here is in the store.
    const starts = await startingOffsets(row.replayFrom === null ? 'start' : 'end', topics, { kafka, log });
    if (row.replayFrom !== null) await replayStore(beginning, row.replayFrom, ended.signal);
    return await inTransaction(dataSource, (tx) => offsets.begin(tx, beginner, { starts, log }));
  } catch (error) {
    await offsets.giveUp(outside, beginner).catch(() => undefined); // it expires by itself
    throw error;
  } finally {
    clearInterval(renewing);
  }
}

async function replayStore({ store, catalogue, topics, replay }: Beginning, since: string, ended: AbortSignal): Promise<void> {
  const types = Object.values(catalogue).flatMap(({ type, topic }) => (topics.includes(topic) ? [type] : []));
  for await (const events of store.readAll({ types, since, batchSize: storeBatch })) {
    if (ended.aborted) return;
    await replay(events);
  }
}
