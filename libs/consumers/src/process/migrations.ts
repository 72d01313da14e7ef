import type { Migration } from '@tradecore/event-sourcing';
import { fill, schemaOf, template } from '../offsets/schema.ts';

/** Whose tables, and the migration's number. */
export interface ConsumerMigrationOptions {
  /** 200 to 299; never changed once released. */
  readonly number: number;
  /** The consuming service: its role writes the tables, its name (`-` as `_`) is the schema's. */
  readonly service: string;
}

const intake = template('runtime', 'consumer');
const process = template('runtime', 'consumer', 'saga');

/** The migration that creates the tables of a service with `IntakeModule`: offsets, parked messages. */
export const intakeMigration = ({ number, service }: ConsumerMigrationOptions): Migration => ({
  number,
  name: `${service}-intake`,
  sql: fill(intake, schemaOf(service), service),
});

/** The migration that creates the tables of a service with `ProcessModule`: offsets, parked messages, open sagas. */
export const processMigration = ({ number, service }: ConsumerMigrationOptions): Migration => ({
  number,
  name: `${service}-process`,
  sql: fill(process, schemaOf(service), service),
});
