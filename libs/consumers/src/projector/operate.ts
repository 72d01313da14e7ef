import { Projection } from './projection.ts';
import { inTransaction } from '../offsets/transaction.ts';
import { openProjection, type ProjectorParts } from './projector-batches.ts';
import { declarationOf, type ProjectorClass } from './projector.ts';
import { redriveOne, type Redriven } from './redrive.ts';

/** What operators need: the database and the store. */
export type OperatorParts = Pick<ProjectorParts, 'dataSource' | 'store' | 'catalogue' | 'release'>;

/**
 * Clears the park marker of an aggregate and folds what the store holds beyond its checkpoint, while the projector runs: after a deployment that
 * can fold the event. Not parked: brings it up to the store all the same. Throws `ProjectionBusy` while a builder is at work.
 * Operators need no program for it: a running projector does the same for aggregates whose checkpoint is marked `redrive`.
 */
export async function redrive(
  projector: ProjectorClass,
  aggregateId: string,
  parts: OperatorParts,
): Promise<Omit<Redriven, 'rows'>> {
  const opened = await openProjection(declarationOf(projector), parts);
  const { rows: _, ...redriven } = await redriveOne(
    { projection: new Projection(opened), ...opened },
    aggregateId,
    parts.dataSource,
  );
  return redriven;
}

/** Lets a stopped projection go on from where it stands, when the cause of the stop is gone. It stops again when it is not. */
export async function resumeProjection(projector: ProjectorClass, parts: Pick<OperatorParts, 'dataSource'>): Promise<void> {
  const { schema } = declarationOf(projector);
  await parts.dataSource.query(`update ${schema}.projection set stopped_reason = null, stopped_at = null`);
}

/**
 * Asks for a rebuild: the next builder throws all rows away and folds the store from the first event, in one transaction, so that readers see
 * the old rows until it is done. A running instance begins within seconds. Sequences start again under a new epoch. It is this version that
 * builds, or a newer one: so a release that was rolled back gets its rows back.
 */
export async function rebuildProjection(projector: ProjectorClass, parts: Pick<OperatorParts, 'dataSource'>): Promise<void> {
  const { schema, version } = declarationOf(projector);
  await inTransaction(parts.dataSource, async (tx) => {
    await tx.query(
      `update ${schema}.projection set log = null, version = $1, start_over = true, stopped_reason = null, stopped_at = null`,
      [version],
    );
    await tx.query(`update ${schema}.offsets set owner = null`);
  });
}
