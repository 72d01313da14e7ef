import { schemasOf } from '@tradecore/checks';
import type { Fleet } from '../fleet.ts';
import { operation, Refused } from '../operations.ts';
import type { Report, Row } from '../output.ts';
import { WrongUsage, type Plan, type Shell, type Typed } from '../shell.ts';

/** Rows of a list, at most. */
const listLimit = 200;

/** `parked ...` */
export function parkedCommands(shell: Shell): void {
  const parked = shell.group('parked', 'what waits for an operator');
  shell.report(parked, { usage: 'list', description: 'where, what, since when and why' }, parkedReport);
  const show = {
    usage: 'show <id>',
    description: 'the stored events of an aggregate that is parked, of a saga with what waits behind it',
  };
  shell.report(parked, show, (fleet, { args: [id = ''] }) => parkedOne(fleet, id));
  const redrive = {
    usage: 'redrive [id]',
    description: 'lets the running instances try it again, in order: an aggregate, a saga, a target, or all',
    options: {
      '--all': 'everything that is parked',
      '--in <name>': 'of this consumer or projection only',
      '--release <version>': 'hand it to this release: after a roll-back an older one leaves alone what a newer one parked',
    },
  };
  shell.act(parked, redrive, planned);
}

/** Everything that waits for an operator, oldest first. Exit code 1 when there is anything. */
export async function parkedReport({ database }: Fleet): Promise<Report> {
  const rows: Row[] = [];
  for (const schema of await schemasOf(database, 'projection')) {
    const parked = await database.query(
      `select aggregate_id::text as id, version, release, reason, at::text as since from ${schema}.parked order by at limit ${listLimit}`,
    );
    rows.push(...parked.map((row) => rowOf(schema, row, null)));
  }
  for (const schema of await schemasOf(database, 'consumer')) {
    const parked = await database.query(
      `select p.saga_id::text as id, p.target_id::text as target, e.aggregate_version as version, p.release, p.reason, p.since::text, p.waiting::int
         from ${schema}.parked p left join event_store e on e.event_id = p.event_id order by p.since limit ${listLimit}`,
    );
    rows.push(...parked.map((row) => rowOf(schema, row, Number(row['waiting']))));
  }
  rows.sort((one, other) => String(one['since']).localeCompare(String(other['since'])));
  return { rows, nothing: 'nothing is parked', code: rows.length > 0 ? 1 : 0 };
}

const rowOf = (schema: string, row: Record<string, unknown>, waiting: number | null): Row => ({
  where: schema.replaceAll('_', '-'),
  id: String(row['id']),
  target: row['target'] === undefined || row['target'] === row['id'] ? null : String(row['target']),
  version: row['version'] === null ? null : Number(row['version']),
  'waiting behind it': waiting,
  release: String(row['release']),
  since: String(row['since']),
  reason: String(row['reason']),
});

/** The events of the aggregate or saga, in order. Exit code 1 when nothing of this id is parked. */
async function parkedOne(fleet: Fleet, id: string): Promise<Report> {
  const isParked = (await chosen(fleet, { args: [id], options: {} })).length > 0;
  const rows = (await fleet.database.query(
    `select aggregate_version as version, event_type as event, schema_version as "schema version", "timestamp"::text as time, event_id::text as id,
            event_data::text as data
       from event_store where aggregate_id::text = $1 order by aggregate_version desc limit ${listLimit}`,
    [id],
  )) as unknown as Row[];
  if (!isParked) return { rows: [], nothing: `nothing of ${id} is parked`, code: 1 };
  return { rows: rows.toReversed(), nothing: `the store holds no event of ${id}` };
}

/** The rows of the list that the person means. */
async function chosen(fleet: Fleet, { args: [id], options }: Typed): Promise<readonly Row[]> {
  const { rows } = await parkedReport(fleet);
  const within = options['in'] ?? null;
  return rows.filter(
    (row) => (within === null || row['where'] === within) && (id === undefined || [row['id'], row['target']].includes(id)),
  );
}

async function planned(fleet: Fleet, typed: Typed): Promise<Plan> {
  const { args, options } = typed;
  const [id] = args;
  if ((id === undefined) === (options['all'] !== true))
    throw new WrongUsage('name what is to be tried again by its id, or say --all');
  const rows = await chosen(fleet, typed);
  if (rows.length === 0) throw new Refused(`nothing of ${id ?? 'all'} is parked`);
  const places = [...new Set(rows.map(({ where }) => String(where)))];
  const redrive = async (where: string, why: string): Promise<Row> => ({
    where,
    marked: Number(await operation(fleet.database, 'redrive', where, id ?? null, options['release'] ?? null, why)),
  });
  return {
    name: id ?? 'all',
    shown: { rows, nothing: '' },
    act: async (why) => {
      const marked: Row[] = [];
      for (const where of places) marked.push(await redrive(where, why));
      return { rows: marked, nothing: '' };
    },
  };
}
