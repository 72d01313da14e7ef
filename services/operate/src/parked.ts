import type { Fleet } from './fleet.ts';
import type { Report, Row } from './output.ts';
import { schemasOf } from './consumers.ts';
import type { Shell } from './shell.ts';

/** `parked ...` */
export function parkedCommands(shell: Shell): void {
  const parked = shell.group('parked', 'what waits for an operator');
  shell.report(parked, { usage: 'list', description: 'where, what, since when and why' }, parkedReport);
}

/** Everything that waits for an operator, oldest first. Exit code 1 when there is anything. */
export async function parkedReport({ database }: Fleet): Promise<Report> {
  const rows: Row[] = [];
  for (const schema of await schemasOf(database, 'projection')) {
    const parked = await database.query(
      `select aggregate_id::text as id, version, reason, at::text as since from ${schema}.parked`,
    );
    rows.push(...parked.map((row) => rowOf(schema, row, null)));
  }
  for (const schema of await schemasOf(database, 'consumer')) {
    const parked = await database.query(
      `select p.saga_id::text as id, e.aggregate_version as version, p.reason, p.since::text, p.waiting::int
         from ${schema}.parked p left join event_store e on e.event_id = p.event_id`,
    );
    rows.push(...parked.map((row) => rowOf(schema, row, Number(row['waiting']))));
  }
  rows.sort((one, other) => String(one['since']).localeCompare(String(other['since'])));
  return { rows, nothing: 'nothing is parked', code: rows.length > 0 ? 1 : 0 };
}

const rowOf = (schema: string, { id, version, reason, since }: Record<string, unknown>, waiting: number | null): Row => ({
  where: schema.replaceAll('_', '-'),
  id: String(id),
  version: version === null ? null : Number(version),
  'waiting behind it': waiting,
  since: String(since),
  reason: String(reason),
});
