import type { Migration } from '@tradecore/event-sourcing';
import { fill, template } from '../offsets/schema.ts';
import { declarationOf, type ProjectorClass } from './projector.ts';

/** Whose tables, the migration's number, and which services may read the exported views. */
export interface ProjectorMigrationOptions {
  /** 200 to 299; never changed once released. */
  readonly number: number;
  readonly projector: ProjectorClass;
  /** The service that runs the projector: its role writes the tables. */
  readonly service: string;
  /** Services that may use the schema and read `progress`; the read model's migration grants its own views. */
  readonly readers?: readonly string[];
}

const runtime = template('runtime', 'projector');

/**
 * The migration that creates a projector's schema with the tables of the runtime. The read model's own table follows in
 * a later one.
 */
export function projectorMigration(options: ProjectorMigrationOptions): Migration {
  const { schema, name } = declarationOf(options.projector);
  const grants = (options.readers ?? []).map(
    (reader) => `grant usage on schema ${schema} to :role(${reader});\ngrant select on ${schema}.progress to :role(${reader});\n`,
  );
  return { number: options.number, name: `${name}-runtime`, sql: [fill(runtime, schema, options.service), ...grants].join('\n') };
}
