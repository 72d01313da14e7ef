import type { Transaction } from '@tradecore/event-sourcing';
import type { DataSource } from 'typeorm';
import { lockCheckpoints } from './checkpoints.ts';
import { inTransaction } from '../offsets/transaction.ts';
import type { Projection } from './projection.ts';

/** What a redrive came to. */
export interface Redriven {
  /** Events folded. */
  readonly events: number;
  /** Why it is parked again, when it is. */
  readonly parkedAgain?: string;
  /** The rows that changed, by their keys. */
  readonly rows: ReadonlyMap<string, object>;
}

/** A builder holds the projection: try again. */
export class ProjectionBusy extends Error {
  override readonly name = 'ProjectionBusy';
}

/** Clears the marker of an aggregate and folds what the store holds beyond its checkpoint. The checkpoint's lock keeps the live projection out. */
export async function redriveOne(
  { projection, schema }: { readonly projection: Projection; readonly schema: string },
  aggregateId: string,
  dataSource: DataSource,
): Promise<Redriven> {
  return inTransaction(dataSource, async (tx) => {
    const rows = await tx.query(`select one from ${schema}.projection for share skip locked`);
    if ((rows as unknown[]).length === 0) throw new ProjectionBusy(`${schema} is being built`);
    await lockCheckpoints(tx, schema, [aggregateId]);
    await tx.query(
      `update ${schema}.checkpoints set parked_version = null, parked_reason = null, parked_at = null, redrive = false
        where aggregate_id = $1 and parked_version is not null`,
      [aggregateId],
    );
    const { events, rows: changed } = await projection.fromStore(tx, aggregateId);
    const parked = (await lockCheckpoints(tx, schema, [aggregateId])).get(aggregateId)?.parked;
    return { events, ...(parked && { parkedAgain: parked.reason }), rows: changed };
  });
}

/** The parked aggregates that operators marked: `update <schema>.checkpoints set redrive = true where ...`. At most 100 at a time. */
export async function askedForRedrive(connection: Transaction, schema: string): Promise<string[]> {
  const rows = await connection.query(
    `select aggregate_id from ${schema}.checkpoints where parked_version is not null and redrive limit 100`,
  );
  return (rows as { aggregate_id: string }[]).map((row) => row.aggregate_id);
}
