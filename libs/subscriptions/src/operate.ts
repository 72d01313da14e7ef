import { upsertGuards, guardRows, lockGuards } from './guards.ts';
import { Projection } from './projection.ts';
import { inTransaction } from './prepared.ts';
import { openProjection, type ProjectorParts } from './projector-work.ts';
import { declarationOf, type ProjectorClass } from './projector.ts';

/** What operators need: the database and the store. */
export type OperatorParts = Pick<ProjectorParts, 'dataSource' | 'store' | 'catalogue'>;

/** What a redrive came to. */
export interface Redriven {
  /** Events folded. */
  readonly events: number;
  /** It is parked again: at this reason. */
  readonly parkedAgain?: string;
}

/** A build or a live instance held the projection: try again. */
export class ProjectionBusy extends Error {
  override readonly name = 'ProjectionBusy';
}

/**
 * Clears the park marker of an aggregate and folds what the store holds beyond its guard, while the projector runs: after a deployment that
 * can fold the event. Not parked: brings it up to the store all the same. Throws `ProjectionBusy` while a builder is at work.
 */
export async function redrive(projector: ProjectorClass, aggregateId: string, parts: OperatorParts): Promise<Redriven> {
  const declaration = declarationOf(projector);
  const projection = new Projection(await openProjection(declaration, parts));
  return inTransaction(parts.dataSource, async (tx) => {
    const rows = (await tx.query(`select one from ${declaration.schema}.projection for share skip locked`)) as unknown[];
    if (rows.length === 0) throw new ProjectionBusy(`${declaration.name} is being built`);
    const guard = (await lockGuards(tx, declaration.schema, [aggregateId])).get(aggregateId);
    if (guard?.parked) {
      await tx.query(upsertGuards(declaration.schema, 1), [JSON.stringify(guardRows([{ ...guard, parked: undefined }]))]);
    }
    const { events } = await projection.fromStore(tx, aggregateId);
    const parked = (await lockGuards(tx, declaration.schema, [aggregateId])).get(aggregateId)?.parked;
    return { events, ...(parked && { parkedAgain: parked.reason }) };
  });
}

/** Lets a stopped projection go on from where it stands, when the cause of the stop is gone. It stops again when it is not. */
export async function resumeProjection(projector: ProjectorClass, parts: Pick<OperatorParts, 'dataSource'>): Promise<void> {
  const { schema } = declarationOf(projector);
  await parts.dataSource.query(`update ${schema}.projection set stopped_reason = null, stopped_at = null`);
}

/**
 * Asks for a rebuild: the next builder throws all rows away and folds the store from the first event, in one transaction, so that readers see
 * the old rows until it is done. A running instance begins within seconds. Sequences start again under a new epoch.
 */
export async function rebuildProjection(projector: ProjectorClass, parts: Pick<OperatorParts, 'dataSource'>): Promise<void> {
  const { schema } = declarationOf(projector);
  await inTransaction(parts.dataSource, async (tx) => {
    await tx.query(`update ${schema}.projection set log = null, start_over = true, stopped_reason = null, stopped_at = null`);
    await tx.query(`update ${schema}.positions set owner = null`);
  });
}
