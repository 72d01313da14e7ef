import type { Catalogue } from '@tradecore/events';
import type { DataSource } from 'typeorm';
import type { Migration } from './migrate.ts';

/** A database of a test's own, with the newest schema. */
export interface TestDatabase {
  /** As the owner. */
  readonly url: string;
  /** An initialised DataSource as the owner; `drop()` closes it. */
  readonly dataSource: DataSource;
  /** As the login of a service (`command-api`), with its rights only. */
  urlFor(service: string): string;
  /** An initialised DataSource as that login; `drop()` closes it. */
  dataSourceFor(service: string): Promise<DataSource>;
  drop(): Promise<void>;
}

/** What the schema of a test database holds beside the store's own. */
export interface TestDatabaseOptions {
  /** The fleet's when absent. */
  readonly catalogue?: Catalogue;
  readonly migrations?: readonly Migration[];
  readonly services?: readonly string[];
}

/** Makes a database under `DATABASE_URL`'s server by cloning a migrated template, which is made once for each content of the migrations. */
export function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  void options;
  throw new Error('unfinished');
}
