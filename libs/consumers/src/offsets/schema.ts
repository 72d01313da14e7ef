import { readFileSync } from 'node:fs';

/** The PostgreSQL schema of a service or a projector. */
export const schemaOf = (name: string): string => name.replaceAll('-', '_');

/** SQL of the folder `schema`, of these files one after the other. */
export const template = (...files: string[]): string =>
  files.map((file) => readFileSync(new URL(`../../schema/${file}.sql`, import.meta.url), 'utf8')).join('\n');

/** A template's SQL for one schema, owned by the role of a service. */
export const fill = (sql: string, schema: string, service: string): string =>
  sql.replaceAll('{{schema}}', schema).replaceAll('{{owner}}', `:role(${service})`);
