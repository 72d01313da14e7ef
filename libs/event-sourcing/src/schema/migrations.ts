import { readdirSync, readFileSync } from 'node:fs';

/**
 * One forward-only step of the schema. Numbers: the store 1-99, the relay 100-199, subscriptions 200-299, read models
 * 300-399.
 */
export interface Migration {
  readonly number: number;
  /** Kebab-case. */
  readonly name: string;
  /**
   * SQL, any number of statements; runs once, in its own transaction, as the owner. `:role(command-api)` becomes the
   * quoted role of that service; naming it creates the role. `:role(reader)` is the group of all services, which may
   * read the event store.
   */
  readonly sql: string;
}

/** Reads a folder of migrations: `0001-event-store.sql` is number 1, name `event-store`. */
export function readMigrations(folder: URL): Migration[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => {
      const [, digits, name] = /^(\d{4})-([a-z0-9-]+)\.sql$/.exec(file) ?? [];
      if (digits === undefined || name === undefined) throw new Error(`${file} is not named like 0001-event-store.sql`);
      return { number: Number(digits), name, sql: readFileSync(new URL(file, folder), 'utf8') };
    });
}

/** The schema of the event store and its outbox. */
export const storeMigrations: readonly Migration[] = readMigrations(new URL('../../schema/', import.meta.url));

const rolePlaceholder = /:role\(([a-z0-9-]+)\)/g;

/** The role of a service: `roleName('tradecore', 'command-api')` is `tradecore_command_api`. */
export const roleName = (prefix: string, service: string): string => `${prefix}_${service.replaceAll('-', '_')}`;

/** The services whose roles a migration names. */
export const rolesIn = (sql: string): string[] => [...sql.matchAll(rolePlaceholder)].map(([, service]) => service ?? '');

/** A migration's SQL with role names filled in. */
export const fillRoles = (sql: string, prefix: string): string =>
  sql.replace(rolePlaceholder, (_, service: string) => `"${roleName(prefix, service)}"`);
