import type { Database } from '@tradecore/checks';
import type { Fleet } from './fleet.ts';
import type { Report, Row } from './output.ts';
import type { Shell } from './shell.ts';

/** `consumers ...` and `projections ...` */
export function consumersCommands(shell: Shell): void {
  const list = { usage: 'list', description: 'state, lag, parked' };
  shell.report(shell.group('consumers', 'processes and intakes'), list, (fleet) => consumersReport(fleet, 'consumer'));
  shell.report(shell.group('projections', 'read models'), list, (fleet) => consumersReport(fleet, 'projection'));
}

/** What keeps offsets in the database: a process or an intake (`consumer`), or a read model (`projection`). */
export type Kind = 'consumer' | 'projection';

interface Offset {
  readonly topic: string;
  readonly partition: number;
  readonly next: string;
}

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

/** Each consumer or projection: how it is, how many records it has not read, what is parked. Exit code 1 when one is halted. */
export async function consumersReport(fleet: Fleet, kind: Kind): Promise<Report> {
  const ends = new Map<string, Promise<ReadonlyMap<number, bigint>>>();
  const endsOf = (topic: string): Promise<ReadonlyMap<number, bigint>> => {
    const known = ends.get(topic) ?? fleet.kafka.endOffsets(topic);
    ends.set(topic, known);
    return known;
  };
  const rows: Row[] = [];
  for (const schema of await schemasOf(fleet.database, kind)) rows.push(await rowOf(fleet.database, { schema, kind, endsOf }));
  const isHalted = rows.some(({ state }) => state === 'halted');
  return { rows, nothing: `no ${kind} has a schema here: is the migrator done?`, code: isHalted ? 1 : 0 };
}

interface Asked {
  readonly schema: string;
  readonly kind: Kind;
  readonly endsOf: (topic: string) => Promise<ReadonlyMap<number, bigint>>;
}

async function rowOf(database: Database, { schema, kind, endsOf }: Asked): Promise<Row> {
  const [state] = (await database.query(
    `select case when s.stopped_reason is not null then 'halted' when s.log is null then 'not built' else 'running' end as state,
            (select extract(epoch from clock_timestamp() - max(moved_at))::int from ${schema}.offsets) as "last moved (s ago)",
            (select count(*)::int from ${schema}.parked) as parked, s.stopped_reason as reason
       from ${schema}.${kind} s`,
  )) as unknown as Row[];
  const offsets = (await database.query(
    `select topic, partition, next_offset::text as next from ${schema}.offsets`,
  )) as unknown as Offset[];
  let lag = 0;
  for (const { topic, partition, next } of offsets) {
    lag += Math.max(0, Number(((await endsOf(topic)).get(partition) ?? 0n) - BigInt(next)));
  }
  const { state: how = null, ...rest } = state ?? {};
  return { name: schema.replaceAll('_', '-'), state: how, 'lag (records)': lag, ...rest };
}
