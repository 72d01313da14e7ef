import { schemasOf, type Database, type Kind } from '@tradecore/checks';
import type { Fleet } from '../fleet.ts';
import type { Report, Row } from '../output.ts';
import { operation, Refused } from '../operations.ts';
import { timeIn, type Plan, type Shell } from '../shell.ts';

/** `consumers ...` and `projections ...` */
export function consumersCommands(shell: Shell): void {
  const groups = [
    { kind: 'consumer', group: shell.group('consumers', 'processes and intakes') },
    { kind: 'projection', group: shell.group('projections', 'read models') },
  ] as const;
  for (const { kind, group } of groups) {
    shell.report(group, { usage: 'list', description: 'state, lag, parked' }, (fleet) => consumersReport(fleet, kind));
    const resume = { usage: 'resume <name>', description: 'lets a halted one go on from where it stands' };
    shell.act(group, resume, (fleet, { args: [name = ''] }) => planned(fleet, { kind, name, call: 'resume', more: [] }));
  }
  const beginAgain = {
    usage: 'begin-again <name>',
    description:
      'lets a consumer hear what the store holds since a time, then the end of the log; without a time the log from its start',
    options: { '--since <time>': 'RFC 3339; too early costs time only: what it has handled it knows again' },
  };
  shell.act(groups[0].group, beginAgain, (fleet, typed) =>
    planned(fleet, { kind: 'consumer', name: typed.args[0] ?? '', call: 'begin_again', more: [timeIn(typed, 'since')] }),
  );
}

interface Asking {
  readonly kind: Kind;
  readonly name: string;
  /** The function of the schema `operate`, and its arguments between the name and the reason. */
  readonly call: string;
  readonly more: readonly unknown[];
}

/** Shows the row of the one that is meant, and calls. Throws `Refused` where there is none of this name. */
async function planned(fleet: Fleet, { kind, name, call, more }: Asking): Promise<Plan> {
  const row = await rowNamed(fleet, kind, name);
  return {
    name,
    shown: { rows: [row], nothing: '' },
    act: async (why) => ({ rows: [{ name, done: await operation(fleet.database, call, name, ...more, why) }], nothing: '' }),
  };
}

/** The row of one consumer or projection as the list has it. Throws `Refused`. */
export async function rowNamed(fleet: Fleet, kind: Kind, name: string): Promise<Row> {
  const { rows } = await consumersReport(fleet, kind);
  const row = rows.find((each) => each['name'] === name);
  if (!row) throw new Refused(`there is no ${kind} ${name}: ${rows.map((each) => each['name']).join(', ')}`);
  return row;
}

interface Offset {
  readonly topic: string;
  readonly partition: number;
  readonly next: string;
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

/** Without a log: what replays the store says so; in SQL. */
const unbuilt = { consumer: `case when s.replay_from is null then 'not begun' else 'replaying' end`, projection: `'not built'` };

async function rowOf(database: Database, { schema, kind, endsOf }: Asked): Promise<Row> {
  const [state] = (await database.query(
    `select case when s.stopped_reason is not null then 'halted' when s.log is null then ${unbuilt[kind]} else 'running' end as state,
            (select extract(epoch from clock_timestamp() - max(moved_at))::int from ${schema}.offsets) as "last moved (s ago)",
            (select count(*)::int from ${schema}.parked) as parked, s.stopped_reason as reason${kind === 'projection' ? ', s.version' : ''}
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
