import type { Transaction } from '@tradecore/event-sourcing';
import type { DataSource } from 'typeorm';
import { lockCheckpoints } from './checkpoints.ts';
import { OffsetLost } from '../offsets/errors.ts';
import { otherVersion } from '../offsets/offsets.ts';
import { comparedTo, isNewer } from '../offsets/release.ts';
import { inTransaction } from '../offsets/transaction.ts';
import type { Projection, ProjectionParts } from './projection.ts';

/** The result of a redrive. */
export interface Redriven {
  /** Events folded. */
  readonly events: number;
  /** Why it is parked again, if it is. */
  readonly parkedAgain?: string;
  /** The rows that changed, by key. */
  readonly rows: ReadonlyMap<string, object>;
}

/** A builder holds the projection: try again. */
export class ProjectionBusy extends Error {
  override readonly name = 'ProjectionBusy';
}

interface Built {
  /** Version of the fold that made the rows. */
  readonly version: number | null;
}

type Redrives = Pick<ProjectionParts, 'declaration' | 'release'>;

/**
 * Clears the marker of an aggregate and folds the stored events beyond its checkpoint; leaves what a newer release
 * parked to that release. The checkpoint's lock keeps the live projection out. Throws `ProjectionBusy`, and
 * `OffsetLost` where the rows have another version.
 */
export async function redriveOne(
  { projection, declaration: { schema, version }, release }: Redrives & { readonly projection: Projection },
  aggregateId: string,
  dataSource: DataSource,
): Promise<Redriven> {
  return inTransaction(dataSource, async (tx) => {
    const [built] = (await tx.query(`select version from ${schema}.projection for share skip locked`)) as Built[];
    if (!built) throw new ProjectionBusy(`${schema} is being built`);
    if (built.version !== null && built.version !== version)
      throw new OffsetLost(`${schema}: ${otherVersion(built.version, version)}`);
    const before = (await lockCheckpoints(tx, schema, [aggregateId])).get(aggregateId)?.parked;
    if (before && isNewer(before.release, release)) return { events: 0, rows: new Map(), parkedAgain: before.reason };
    await tx.query(
      `update ${schema}.checkpoints
          set parked_version = null, parked_reason = null, parked_release = null, parked_at = null, redrive = false
        where aggregate_id = $1 and parked_version is not null`,
      [aggregateId],
    );
    const { events, rows: changed } = await projection.fromStore(tx, aggregateId);
    const parked = (await lockCheckpoints(tx, schema, [aggregateId])).get(aggregateId)?.parked;
    return { events, ...(parked && { parkedAgain: parked.reason }), rows: changed };
  });
}

/**
 * The parked aggregates that this release retries: those parked by an older release, and those marked by operators with
 * `update <schema>.checkpoints set redrive = true where ...`, but none parked by a newer release. At most 100 at a
 * time.
 */
export async function toRedrive(connection: Transaction, { declaration: { schema }, release }: Redrives): Promise<string[]> {
  const releases = (await connection.query(
    `select distinct parked_release as release from ${schema}.checkpoints where parked_version is not null and parked_release is not null`,
  )) as { release: string }[];
  const { older, newer } = comparedTo(release, releases);
  const rows = await connection.query(
    `select aggregate_id from ${schema}.checkpoints
      where parked_version is not null and (redrive or parked_release = any($1)) and (parked_release = any($2)) is not true limit 100`,
    [older, newer],
  );
  return (rows as { aggregate_id: string }[]).map((row) => row.aggregate_id);
}
