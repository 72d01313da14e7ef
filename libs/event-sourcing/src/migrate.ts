import type { Catalogue } from '@tradecore/events';
import type { DataSource } from 'typeorm';

/** One forward-only step of the schema. Numbers: the store 1-99, the relay 100-199, subscriptions 200-299, read models 300-399. */
export interface Migration {
  readonly number: number;
  /** Kebab-case. */
  readonly name: string;
  /**
   * SQL, many statements; runs once, in a transaction of its own, as the owner. `:role(command-api)` becomes the quoted role of that service;
   * naming it creates the role. `:role(reader)` is the group of all: who may read the event store.
   */
  readonly sql: string;
}

/** How a database is brought to the newest schema. */
export interface MigrateOptions {
  /** Further packages' migrations; the store's own are always in. */
  readonly migrations?: readonly Migration[];
  /** Fills the table of aggregate types: topic and writer of each. */
  readonly catalogue: Catalogue;
  /** Roles are `<prefix>_<service>`, `-` as `_`; `tradecore` when absent. */
  readonly rolePrefix?: string;
  /** Services that need a login though no migration names them. */
  readonly services?: readonly string[];
  /** By service (`command-api`): its password; with one the role may log in. */
  readonly rolePasswords?: Readonly<Record<string, string>>;
}

/** The owner may not create roles, and some are missing: `sql` is what somebody who may has to run. */
export class MissingRoles extends Error {
  override readonly name = 'MissingRoles';
  constructor(readonly sql: string) {
    super(`roles are missing and this login may not create them; run as a superuser:\n${sql}`);
  }
}

/** The role of a service: `roleName('tradecore', 'command-api')` is `tradecore_command_api`. */
export const roleName = (prefix: string, service: string): string => `${prefix}_${service.replaceAll('-', '_')}`;

/** Creates missing roles, runs missing migrations under an advisory lock, fills aggregate types. Safe to run again and at once. Returns what it ran. */
export function migrate(url: string, options: MigrateOptions): Promise<{ ran: string[] }> {
  void [url, options];
  throw new Error('unfinished');
}

/** The highest migration number that the database has had; 0 for an empty database. */
export function schemaVersion(dataSource: DataSource): Promise<number> {
  void dataSource;
  throw new Error('unfinished');
}

/** Which of these migrations (their names) the database lacks: a service is ready only when there is none. */
export function missingMigrations(dataSource: DataSource, wanted: readonly Migration[]): Promise<string[]> {
  void [dataSource, wanted];
  throw new Error('unfinished');
}
