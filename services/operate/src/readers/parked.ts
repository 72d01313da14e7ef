import { schemasOf, type Kind } from '@tradecore/checks';
import type { Fleet } from '../fleet.ts';
import { operation, Refused } from '../operations.ts';
import type { Report, Row } from '../output.ts';
import { WrongUsage, type Plan, type Shell, type Typed } from '../shell.ts';

/** Rows of a list, at most, for each place. */
const listLimit = 200;

/** `parked ...` */
export function parkedCommands(shell: Shell): void {
  const parked = shell.group('parked', 'what waits for an operator');
  shell.report(parked, { usage: 'list', description: 'where, what, since when and why' }, parkedReport);
  const show = {
    usage: 'show <id>',
    description: 'the stored events of an aggregate that is parked, of a saga with what waits behind it',
  };
  shell.report(parked, show, parkedOne);
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

/** What is parked in one consumer or projection: how much, and the oldest of it, oldest first. */
export interface Parked {
  readonly where: string;
  readonly count: number;
  readonly rows: readonly Row[];
}

/** What waits for an operator, by place: everything, or what `args` and `options` of a command choose. */
export async function parkedPlaces({ database }: Fleet, { args: [id], options }: Typed = everything): Promise<Parked[]> {
  const places: Parked[] = [];
  for (const kind of ['projection', 'consumer'] as const) {
    for (const schema of await schemasOf(database, kind)) {
      const where = schema.replaceAll('_', '-');
      if ((options['in'] ?? where) !== where) continue;
      const found = await database.query(`${parkedIn[kind](schema)} limit ${listLimit}`, [id ?? null]);
      if (found[0]) places.push({ where, count: Number(found[0]['count']), rows: found.map((row) => rowOf(where, row)) });
    }
  }
  return places;
}

/** $1 is the id of an aggregate, saga or target; null for all. */
const parkedIn: Readonly<Record<Kind, (schema: string) => string>> = {
  projection: (schema) =>
    `select count(*) over () as count, aggregate_id::text as id, null as target, version, null as waiting, release, reason, at::text as since
       from ${schema}.parked where $1::text is null or $1 = aggregate_id::text order by at`,
  consumer: (schema) =>
    `select count(*) over () as count, p.saga_id::text as id, p.target_id::text as target, e.aggregate_version as version, p.waiting, p.release,
            p.reason, p.since::text
       from ${schema}.parked p left join event_store e on e.event_id = p.event_id
      where $1::text is null or $1 in (p.saga_id::text, p.target_id::text) order by p.since`,
};

/** How much is parked in these places. */
export const parkedCount = (places: readonly Parked[]): number => places.reduce((sum, { count }) => sum + count, 0);

const everything: Typed = { args: [], options: {} };

/** Exit code 1 when there is anything. */
async function parkedReport(fleet: Fleet): Promise<Report> {
  const places = await parkedPlaces(fleet);
  return { ...listed(places), code: places.length > 0 ? 1 : 0 };
}

function listed(places: readonly Parked[]): Report {
  const rows = places.flatMap((place) => place.rows);
  rows.sort((one, other) => String(one['since']).localeCompare(String(other['since'])));
  const more = parkedCount(places) - rows.length;
  return { rows, nothing: 'nothing is parked', ...(more > 0 && { more: `and ${more} more` }) };
}

const rowOf = (where: string, row: Record<string, unknown>): Row => ({
  where,
  id: String(row['id']),
  target: row['target'] === null || row['target'] === row['id'] ? null : String(row['target']),
  version: row['version'] === null ? null : Number(row['version']),
  'waiting behind it': row['waiting'] === null ? null : Number(row['waiting']),
  release: String(row['release']),
  since: String(row['since']),
  reason: String(row['reason']),
});

/** The events of the aggregate or saga, in order. Exit code 1 when nothing of this id is parked. */
async function parkedOne(fleet: Fleet, typed: Typed): Promise<Report> {
  const [id] = typed.args;
  const isParked = (await parkedPlaces(fleet, typed)).length > 0;
  const rows = (await fleet.database.query(
    `select aggregate_version as version, event_type as event, schema_version as "schema version", "timestamp"::text as time, event_id::text as id,
            event_data::text as data
       from event_store where aggregate_id::text = $1 order by aggregate_version desc limit ${listLimit}`,
    [id],
  )) as unknown as Row[];
  if (!isParked) return { rows: [], nothing: `nothing of ${id} is parked`, code: 1 };
  return { rows: rows.toReversed(), nothing: `the store holds no event of ${id}` };
}

async function planned(fleet: Fleet, typed: Typed): Promise<Plan> {
  const { args, options } = typed;
  const [id] = args;
  if ((id === undefined) === (options['all'] !== true))
    throw new WrongUsage('name what is to be tried again by its id, or say --all');
  const places = await parkedPlaces(fleet, typed);
  if (places.length === 0) throw new Refused(`nothing of ${id ?? 'all'} is parked`);
  const redrive = async (where: string, why: string): Promise<Row> => ({
    where,
    marked: Number(await operation(fleet.database, 'redrive', where, id ?? null, options['release'] ?? null, why)),
  });
  return {
    name: id ?? 'all',
    shown: listed(places),
    act: async (why) => {
      const marked: Row[] = [];
      for (const { where } of places) marked.push(await redrive(where, why));
      return { rows: marked, nothing: '' };
    },
  };
}
