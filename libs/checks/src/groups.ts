import type { Database } from './witnesses.ts';

/** What keeps offsets in the database: a process or an intake (`consumer`), or a read model (`projection`). */
export type Kind = 'consumer' | 'projection';

/** Schemas of this kind: the table that the runtime keeps in each says so. */
export async function schemasOf(database: Database, kind: Kind): Promise<string[]> {
  const rows = await database.query(
    `select n.nspname as schema from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relname = $1 and c.relkind = 'r' and exists (
        select from pg_class o where o.relnamespace = n.oid and o.relname = 'offsets') order by 1`,
    [kind],
  );
  return rows.map(({ schema }) => String(schema));
}
