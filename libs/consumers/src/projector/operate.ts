import { Projection } from './projection.ts';
import { openProjection, type ProjectorParts } from './projector-batches.ts';
import { declarationOf, type ProjectorClass } from './projector.ts';
import { redriveOne, type Redriven } from './redrive.ts';

/** The dependencies of operator commands: the database and the store. */
export type OperatorParts = Pick<ProjectorParts, 'dataSource' | 'store' | 'catalogue' | 'release'>;

/**
 * Clears the park marker of an aggregate and folds the stored events beyond its checkpoint, while the projector runs:
 * after a deployment that can fold the event. An aggregate that is not parked is brought up to date too. Throws
 * `ProjectionBusy` while a builder is running.
 * Operators need no program for this: a running projector does the same for aggregates whose checkpoint is marked
 * `redrive`.
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

type Database = Pick<OperatorParts, 'dataSource'>;

/** Resumes a stopped projection where it stopped, once the cause is fixed; if it is not, it stops again. */
export async function resumeProjection(projector: ProjectorClass, { dataSource }: Database): Promise<void> {
  await dataSource.query(`select ${declarationOf(projector).schema}.resume()`);
}

/**
 * Asks for a rebuild: the next builder deletes all rows and folds the store from the first event, in one transaction,
 * so that readers see the old rows until it is done. A running instance begins within seconds. Sequences start again
 * under a new epoch.
 */
export async function rebuildProjection(projector: ProjectorClass, { dataSource }: Database): Promise<void> {
  await dataSource.query(`select ${declarationOf(projector).schema}.rebuild()`);
}
