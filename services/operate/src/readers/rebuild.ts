import { setTimeout as sleep } from 'node:timers/promises';
import { rowNamed } from './consumers.ts';
import type { Fleet } from '../fleet.ts';
import { operation } from '../operations.ts';
import type { Report, Row, Say } from '../output.ts';
import type { Shell } from '../shell.ts';

const askEachMs = 1000;
/** Seconds without a builder after which it is said that none is there. */
const builderWithin = 60;

/** `projections rebuild` */
export function rebuildCommands(shell: Shell): void {
  const usage = {
    usage: 'rebuild <name>',
    description:
      'throws the rows away and folds the store from its first event; readers keep the old rows until it is done. Ctrl-C ends the report, not the rebuild',
    options: { '--no-wait': 'ask for it, and leave' },
  };
  shell.act(shell.group('projections', 'read models'), usage, async (fleet, { args: [name = ''], options }) => ({
    name,
    shown: { rows: [await rowNamed(fleet, 'projection', name)], nothing: '' },
    act: async (why) => {
      const done = await operation(fleet.database, 'rebuild', name, why);
      if (options['wait'] === false) return { rows: [{ name, done }], nothing: '' };
      return followed(fleet, name, options['json'] === true ? () => undefined : (text) => shell.say(text));
    },
  }));
}

interface Progress {
  /** Why it is halted, when it is. */
  readonly halted: string | null;
  readonly isDone: boolean;
  /** Events folded by the builder; null while none is at work. */
  readonly folded: number | null;
}

/** Says how far the builder is until the rows are complete. Exit code 1 when the projection halts, 2 when no builder comes. */
async function followed(fleet: Fleet, name: string, say: Say): Promise<Report> {
  const started = performance.now();
  let builderAt = started;
  const events = await eventsFor(fleet, name);
  for (;;) {
    const progress = await progressOf(fleet, name);
    const now = performance.now();
    if (progress.folded !== null) builderAt = now;
    if (progress.isDone) return ended({ name, done: 'built', 'took (s)': Math.round((now - started) / 1000) }, 0);
    if (progress.halted !== null) return ended({ name, done: `halted: ${progress.halted}` }, 1);
    if (now - builderAt > builderWithin * 1000)
      return ended({ name, done: `asked for; no instance builds since ${builderWithin} s` }, 2);
    say(inWords(progress.folded, events, (now - started) / 1000));
    await sleep(askEachMs);
  }
}

const ended = (row: Row, code: 0 | 1 | 2): Report => ({ rows: [row], nothing: '', code });

function inWords(folded: number | null, events: number, seconds: number): string {
  if (folded === null) return 'waits for an instance to begin';
  if (folded === 0) return `folded 0 of ${events}`;
  const left = Math.max(0, Math.round((seconds * (events - folded)) / folded));
  return `folded ${folded} of ${events} (${Math.floor((100 * folded) / Math.max(events, folded))} %), about ${left} s left`;
}

/** How many events of the store it has to fold. */
async function eventsFor({ database }: Fleet, name: string): Promise<number> {
  const [row] = await database.query(
    `select coalesce(sum(h.version), 0)::int as events from stream_heads h join aggregate_types t using (aggregate_type)
      where t.topic in (select o.topic from ${name.replaceAll('-', '_')}.offsets o)`,
  );
  return Number(row?.['events']);
}

/** The builder's transaction is not visible from outside: its session's name says how far it is. */
async function progressOf({ database }: Fleet, name: string): Promise<Progress> {
  const schema = name.replaceAll('-', '_');
  const [row] = await database.query(
    `select p.stopped_reason as halted, p.log is not null as "isDone",
            (select max(split_part(s.service, ' builds ', 2)::bigint)::int from operate.sessions() s where s.service like $1 || ' builds %') as folded
       from ${schema}.projection p`,
    [name],
  );
  return row as unknown as Progress;
}
