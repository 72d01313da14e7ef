import type { Catalogue, RecordedEvent } from '@tradecore/events';
import type { PostgresEventStore } from '@tradecore/event-sourcing';
import type { KafkaClient } from '@tradecore/messaging';
import type { DataSource } from 'typeorm';
import { ConsumerHalted } from '../offsets/errors.ts';
import { Offsets, type Unusable } from '../offsets/offsets.ts';
import { inTransaction } from '../offsets/transaction.ts';

/** What a process and an intake are made of. */
export interface ConsumerParts {
  readonly dataSource: DataSource;
  readonly store: PostgresEventStore;
  readonly catalogue: Catalogue;
  readonly kafka: KafkaClient;
}

/** Who begins, and how it handles what the store holds. */
export interface Beginning extends ConsumerParts {
  readonly schema: string;
  readonly topics: readonly string[];
  /** Handles events of the store, each in a transaction of its own or some together: what is handled already is known again. */
  readonly replay: (events: readonly RecordedEvent[]) => Promise<void>;
}

/** Events of the store that are read at once. */
const storeBatch = 100;

const found = {
  'other-log': 'the log is not the one that the offsets count in',
  'below-log': 'the log was cut off before it was read',
  'beyond-log': 'the log ends before the offset',
};

/**
 * Makes the offsets of a process or an intake usable, never from a snapshot: from the log's start, or, after an operator's `begin_again(since)`,
 * from what the store holds since then and after that the log's end. Where the log does not hold what was not read it halts. False: another
 * instance is at it.
 */
export async function begin(why: Unusable, log: string, beginning: Beginning): Promise<boolean> {
  const { schema, topics, dataSource } = beginning;
  if (why !== 'never-built') {
    throw new ConsumerHalted(`${found[why]}: see docs/runbooks/halted-consumer.md, then select ${schema}.begin_again()`);
  }
  const offsets = new Offsets(schema, topics, 'consumer');
  return inTransaction(dataSource, async (tx) => {
    const row = await offsets.beginning(tx);
    if (!row) return false;
    // The ends before the store is read: all that the log holds up to here is in it.
    const ends = await endsOf(beginning, row.replayFrom === null ? 'startOffsets' : 'endOffsets');
    if (row.replayFrom !== null) await replayStore(beginning, row.replayFrom);
    await offsets.begin(tx, ends, log);
    return true;
  });
}

async function endsOf(
  { topics, kafka }: Beginning,
  which: 'startOffsets' | 'endOffsets',
): Promise<Map<string, ReadonlyMap<number, bigint>>> {
  const ends = new Map<string, ReadonlyMap<number, bigint>>();
  for (const topic of topics) ends.set(topic, await kafka[which](topic));
  return ends;
}

async function replayStore({ store, catalogue, topics, replay }: Beginning, since: string): Promise<void> {
  const types = Object.values(catalogue).flatMap(({ type, topic }) => (topics.includes(topic) ? [type] : []));
  for await (const events of store.readAll({ types, since, batchSize: storeBatch })) await replay(events);
}
