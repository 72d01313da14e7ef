import { readFileSync } from 'node:fs';
import type { Migration } from '@tradecore/event-sourcing';
import { declarationOf, type ProjectorClass } from './projector.ts';

/** Whose tables, under which number, and who may read the exported views. */
export interface SubscriptionMigrationOptions {
  /** 200 to 299; never changed once released. */
  readonly number: number;
  readonly projector: ProjectorClass;
  /** The service that runs the projector: its role writes the tables. */
  readonly service: string;
  /** Services that may use the schema and read `progress`; the read model's migration grants its own views. */
  readonly readers?: readonly string[];
}

/** Whose tables, under which number. */
export interface ConsumerMigrationOptions {
  /** 200 to 299; never changed once released. */
  readonly number: number;
  /** The service that consumes: its role writes the tables, its name (`-` as `_`) is the schema's. */
  readonly service: string;
}

const template = (file: string): string => readFileSync(new URL(`../schema/${file}.sql`, import.meta.url), 'utf8');
const [projection, consumer, saga] = [template('projection'), template('consumer'), template('saga')];

/** The PostgreSQL schema of a service or a projector. */
export const schemaOf = (name: string): string => name.replaceAll('-', '_');

/** A template's SQL for one schema, owned by the role of a service. */
export const fill = (sql: string, schema: string, service: string): string =>
  sql.replaceAll('{{schema}}', schema).replaceAll('{{owner}}', `:role(${service})`);

/** The migration that makes a projector's schema with the tables of the runtime. The read model's own table comes after it. */
export function subscriptionMigration(options: SubscriptionMigrationOptions): Migration {
  const { schema, name } = declarationOf(options.projector);
  const grants = (options.readers ?? []).map(
    (reader) => `grant usage on schema ${schema} to :role(${reader});\ngrant select on ${schema}.progress to :role(${reader});\n`,
  );
  return {
    number: options.number,
    name: `${name}-runtime`,
    sql: [fill(projection, schema, options.service), ...grants].join('\n'),
  };
}

/** The migration that makes the tables of a service with `CommandsModule`. */
export const commandsMigration = ({ number, service }: ConsumerMigrationOptions): Migration => ({
  number,
  name: `${service}-commands`,
  sql: fill(consumer, schemaOf(service), service),
});

/** The migration that makes the tables of a service with `SagasModule`: positions, what is held, timers. */
export const sagaMigration = ({ number, service }: ConsumerMigrationOptions): Migration => ({
  number,
  name: `${service}-sagas`,
  sql: fill(`${consumer}\n${saga}`, schemaOf(service), service),
});
