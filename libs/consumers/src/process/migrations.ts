import type { Migration } from '@tradecore/event-sourcing';
import { fill, schemaOf, template } from '../offsets/schema.ts';

/** Whose tables, and the migration's number. */
export interface ConsumerMigrationOptions {
  /** 200 to 299; never changed once released. */
  readonly number: number;
  /** The consuming service: its role writes the tables, its name (`-` as `_`) is the schema's. */
  readonly service: string;
}

const migrationOf = (kind: string, ...files: string[]) => {
  const tables = template(...files);
  return ({ number, service }: ConsumerMigrationOptions): Migration => ({
    number,
    name: `${service}-${kind}`,
    sql: fill(tables, schemaOf(service), service),
  });
};

/** The migration that creates the tables of a service with `IntakeModule`: offsets, parked messages. */
export const intakeMigration = migrationOf('intake', 'runtime', 'consumer');

/** The migration that creates the tables of a service with `ProcessModule`: offsets, parked messages, open sagas. */
export const processMigration = migrationOf('process', 'runtime', 'consumer', 'saga');

/** The migration that creates the table of a service's work queue. */
export const workMigration = migrationOf('work', 'work');
