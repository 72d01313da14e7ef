import { CopyOfLive, givenUpLimit, resume, type Resumption } from '@tradecore/checks';
import { NotHalted, type GivenUp } from '@tradecore/event-sourcing';
import type { Fleet } from '../fleet.ts';
import { operation, Refused } from '../operations.ts';
import type { Report, Row } from '../output.ts';
import { timeIn, WrongUsage, type Plan, type Shell, type Typed } from '../shell.ts';

/** `relay resume`, `relay acknowledge-move`. */
export function resumeCommands(shell: Shell): void {
  const relay = shell.group('relay', 'the outbox relay');
  shell.act(
    relay,
    {
      usage: 'resume',
      description: 'after a halt or a restore: takes back what the topics hold, publishes what they lack, opens the store',
      options: {
        '--since <time>': 'from before store and topics parted (RFC 3339), as the moment that was restored to',
        '--forget-tail': 'give up what the topics hold beyond the store, instead of taking it back',
      },
    },
    planResume,
  );
  shell.act(
    relay,
    { usage: 'acknowledge-move', description: 'you have looked at a start on another server or timeline' },
    planAcknowledge,
  );
}

/** Done once and undone, to show it; then done again, with the same outcome or not at all. */
async function planResume(fleet: Fleet, typed: Typed): Promise<Plan> {
  const since = timeIn(typed, 'since');
  if (since === null) throw new WrongUsage('--since TIME is required (RFC 3339)');
  const forgetTail = typed.options['forgetTail'] === true;
  const { url, kafka } = fleet;
  const run = (why: string, confirm: (found: Resumption) => boolean): Promise<Resumption> =>
    resume({ url, kafka, since, forgetTail, why, confirm }).catch((error: unknown) => {
      throw error instanceof NotHalted || error instanceof CopyOfLive ? new Refused(error.message) : error;
    });
  const planned = await run('a plan', () => false);
  return {
    name: await nameOf(fleet),
    shown: reportOf(planned),
    act: async (why) => {
      const done = await run(why, ({ givenUp }) => givenUp === planned.givenUp);
      if (done.givenUp !== planned.givenUp) {
        throw new Refused(`${done.givenUp} events would be given up now, not ${planned.givenUp}: nothing was done`);
      }
      return { ...reportOf(done), rows: [...reportOf(done).rows, ...(await strangers(fleet, since))] };
    },
  };
}

/** A restore loses who people are, as `people` has no topic: whom the events since then name, and nobody knows. */
async function strangers({ database }: Fleet, since: string): Promise<Row[]> {
  const rows = await database.query(
    `select named.person, min(e."timestamp")::text as since
       from event_store e, lateral (values (e.metadata->>'actor'), (e.event_data->>'owner'), (e.event_data->>'person')) named (person)
      where e."timestamp" >= $1 and named.person ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        and not exists (select from people p where p.person::text = named.person)
      group by 1 order by 2 limit $2`,
    [since, givenUpLimit],
  );
  return rows.map(({ person, since: time }) => ({
    what: 'unknown in people since the restore',
    of: `person ${String(person)}`,
    time: String(time),
  }));
}

async function planAcknowledge(fleet: Fleet): Promise<Plan> {
  const [row] = await fleet.database.query('select moved_from, moved_at::text from store_identity where moved_at is not null');
  if (!row) throw new Refused('the store stands where it stood: there is nothing to acknowledge');
  return {
    name: await nameOf(fleet),
    shown: { rows: [{ 'it was on': String(row['moved_from']), since: String(row['moved_at']) }], nothing: '' },
    act: async (why) => ({
      rows: [],
      nothing: `acknowledged: it was on ${await operation(fleet.database, 'acknowledge_move', why)}`,
    }),
  };
}

async function nameOf({ database }: Fleet): Promise<string> {
  const [row] = await database.query('select current_database() as name');
  return String(row?.['name']);
}

/** What counts, then each event that is given up. */
function reportOf(resumption: Resumption): Report {
  const { read, position, alreadyPublished, missing, outOfOrder, taken, givenUp, givenUpEvents } = resumption;
  const counts: Row[] = [
    { what: 'records read', events: read },
    { what: `the broker's position`, events: position === undefined ? 'none' : String(position) },
    { what: 'they wait and are on their topics: taken out of the outbox', events: alreadyPublished },
    { what: 'stored, on no topic and not waiting: published', events: missing },
    { what: '  of them behind a later version of their aggregate', events: outOfOrder },
    { what: 'on the topics and lost in the store: taken back', events: taken },
    { what: 'on the topics and in the store no more: given up', events: givenUp },
  ];
  const more = givenUp - givenUpEvents.length;
  const rest = more > 0 ? [{ what: `and ${more} more than ${givenUpLimit}: see forgotten_events` }] : [];
  return { rows: [...counts, ...givenUpEvents.map(rowOf), ...rest], nothing: '' };
}

const rowOf = ({ aggregateType, aggregateId, version, type, data, time, account, why }: GivenUp): Row => ({
  what: `given up: ${type}`,
  of: `${aggregateType} ${aggregateId} v${version}`,
  account,
  amount: amountIn(data),
  time,
  why,
});

/** The money or the quantity that an event speaks of. */
function amountIn(data: GivenUp['data']): string | null {
  const parts = ['amount', 'currency', 'side', 'quantity', 'symbol', 'price', 'limitPrice'].flatMap((name) =>
    typeof data[name] === 'string' ? `${name} ${data[name]}` : [],
  );
  return parts.length > 0 ? parts.join(', ') : null;
}
