import { readFileSync } from 'node:fs';

/** The PostgreSQL schema of a service or a projector. */
export const schemaOf = (name: string): string => name.replaceAll('-', '_');

/** The concatenated SQL of these files in the folder `schema`. */
export const template = (...files: string[]): string =>
  files.map((file) => readFileSync(new URL(`../../schema/${file}.sql`, import.meta.url), 'utf8')).join('\n');

/** A template's SQL for one schema, owned by a service's role. */
export const fill = (sql: string, schema: string, service: string): string =>
  sql.replaceAll('{{schema}}', schema).replaceAll('{{owner}}', `:role(${service})`);
