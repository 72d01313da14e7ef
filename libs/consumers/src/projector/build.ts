import type { Transaction } from '@tradecore/event-sourcing';
import type { KafkaClient } from '@tradecore/messaging';
import type { DataSource } from 'typeorm';
import { mustBeSettled } from '../offsets/confirmed.ts';
import { ModelDiverged } from '../offsets/errors.ts';
import { Outcome } from './outcome.ts';
import { inTransaction, type PipelinedTransaction } from '../offsets/transaction.ts';
import { isNewerVersion, type Log, type Offsets } from '../offsets/offsets.ts';
import { startingOffsets } from '../offsets/starting-offsets.ts';
import { Projection, type ProjectionParts } from './projection.ts';

/** The dependencies of a builder. */
export interface BuilderParts extends ProjectionParts {
  readonly dataSource: DataSource;
  readonly kafka: KafkaClient;
  readonly offsets: Offsets;
}

/** Stored events held in memory at once: 500 of the largest allowed are 128 MiB. */
const batchSize = 500;
/** A builder that is frozen, not dead, must not block the others forever. */
const builderIdleMs = 60_000;
const builderStatementMs = 600_000;

/**
 * Brings the rows up to date from the event store and sets all offsets of the projector to the log's end as it was
 * before: rows, checkpoints and offsets in one transaction, so that readers see the old model or the new one. What the
 * checkpoints already cover stays, unless another version of the fold made it.
 * One builder at a time: the lease is the lock of the projection's row, which PostgreSQL frees when the builder dies.
 * Resolves with `undefined` when another builder is running, or a newer version has built. Throws `ModelDiverged`.
 */
export async function build(parts: BuilderParts, log: Log): Promise<Outcome | undefined> {
  const { dataSource, declaration, offsets, kafka } = parts;
  const work = async (tx: PipelinedTransaction): Promise<Outcome | undefined> => {
    const [projection] = (await tx.query(
      `select start_over, version from ${declaration.schema}.projection for update skip locked`,
    )) as { start_over: boolean; version: number | null }[];
    if (!projection || isNewerVersion(projection.version, declaration.version)) return undefined;
    await mustBeSettled(tx);
    await tx.query(`select from ${declaration.schema}.offsets order by topic, partition for update`);
    const ends = await startingOffsets('end', declaration.topics, { kafka, log }); // before the snapshot: all that the log holds up to here is in it
    if (projection.start_over || projection.version !== declaration.version) await empty(tx, parts);
    else await compareCheckpoints(tx, declaration.schema);
    const outcome = await foldStore(tx, parts);
    await offsets.replace(tx, ends, log);
    return outcome;
  };
  return inTransaction(dataSource, work, { idleMs: builderIdleMs, statementMs: builderStatementMs });
}

async function foldStore(tx: Transaction, parts: BuilderParts): Promise<Outcome> {
  const projection = new Projection(parts);
  const total = new Outcome();
  const types = Object.values(parts.catalogue)
    .filter(({ topic }) => parts.declaration.topics.includes(topic))
    .map(({ type }) => type);
  let folded = 0;
  for await (const events of parts.store.readAll({ types, batchSize })) {
    await sayProgress(tx, parts, folded);
    const outcome = await projection.projectSafely(
      tx,
      events.map((event) => ({ event })),
    );
    outcome.rows.clear(); // a build may touch every row: keeps memory bounded
    total.add(outcome);
    folded += events.length;
  }
  return total;
}

/**
 * The transaction's work is invisible from outside; the name of its session is visible, and is restored when the
 * transaction ends.
 */
async function sayProgress(tx: Transaction, { declaration: { name } }: BuilderParts, folded: number): Promise<void> {
  await tx.query(`select set_config('application_name', $1, true)`, [`${name} builds ${folded}`]);
}

/**
 * Deletes rows and checkpoints, and with them the sequences: a new epoch begins. Not truncated, so that readers keep
 * the old rows until the commit.
 */
async function empty(tx: Transaction, { declaration: { schema, table, appends } }: BuilderParts): Promise<void> {
  for (const each of [table, ...(appends === undefined ? [] : [appends]), 'checkpoints'])
    await tx.query(`delete from ${schema}."${each}"`);
  await tx.query(`update ${schema}.projection set epoch = gen_random_uuid()`);
}

/** Every event that the model claims to hold must be in the store. */
async function compareCheckpoints(tx: Transaction, schema: string): Promise<void> {
  const [wrong] = (await tx.query(
    `select g.aggregate_id, g.version, g.event_id, e.event_id as stored
       from ${schema}.checkpoints g left join event_store e on e.aggregate_id = g.aggregate_id and e.aggregate_version = g.version
      where g.version > 0 and g.event_id is distinct from e.event_id limit 1`,
  )) as { aggregate_id: string; version: number; event_id: string; stored: string | null }[];
  if (wrong) throw new ModelDiverged(wrong.aggregate_id, wrong.version, wrong.event_id, wrong.stored);
}
