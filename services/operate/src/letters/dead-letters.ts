import type { IncomingMessage } from '@tradecore/messaging';
import type { Fleet } from '../fleet.ts';
import { headerText, readLetter, readLetters, removeLetter, type Letter, type Letters } from './letters.ts';
import { operation, Refused } from '../operations.ts';
import type { Report, Row } from '../output.ts';
import { WrongUsage, type Plan, type Shell, type Typed } from '../shell.ts';

const pageLimit = 1000;
/** Characters of the original that are shown. */
const shownLimit = 10_000;

/** `dead-letters ...` */
export function deadLetterCommands(shell: Shell): void {
  const group = shell.group('dead-letters', 'records that a consumer could not handle');
  const list = {
    usage: 'list',
    description: 'what waits, oldest first, a page at a time',
    options: {
      '--limit <count>': 'letters of a page, at most 1000; 50 when absent',
      '--after <key>': 'the page behind this letter',
    },
  };
  shell.report(group, list, listed);
  const show = { usage: 'show <key>', description: 'what is known of a letter, and the original' };
  shell.report(group, show, async (fleet, { args: [key = ''] }) => shown(await letterAt(fleet, key)));
  const redrive = {
    usage: 'redrive <key>',
    description: 'lets the group hear the event from the store; refused when the store does not hold it',
  };
  shell.act(group, redrive, async (fleet, { args: [key = ''] }) => planned(fleet, key, redriven));
  const drop = { usage: 'drop <key>', description: 'takes a letter from the topic for good' };
  shell.act(group, drop, async (fleet, { args: [key = ''] }) => planned(fleet, key, dropped));
}

/** A page of what waits. Exit code 1 when there is anything. */
async function listed({ kafka }: Fleet, { options: { limit = '50', after } }: Typed): Promise<Report> {
  const count = Number(limit);
  if (!(Number.isInteger(count) && count >= 1 && count <= pageLimit)) throw new WrongUsage(`--limit is 1 to ${pageLimit}`);
  const found = await readLetters(kafka);
  const rest = behind(found.letters, after);
  const rows = rest.slice(0, count).map(({ eventId = null, ...letter }): Row => ({ ...letter, event: eventId }));
  return {
    rows,
    nothing: 'no letter waits',
    ...whatIsLeft(found, rest.slice(count), rows),
    code: found.letters.length > 0 ? 1 : 0,
  };
}

function behind(letters: readonly Letter[], after: unknown): readonly Letter[] {
  if (after === undefined) return letters;
  const index = letters.findIndex(({ key }) => key === after);
  if (index === -1) throw new Refused(`no letter ${String(after)} waits`);
  return letters.slice(index + 1);
}

const whatIsLeft = ({ isAll }: Letters, left: readonly Letter[], page: readonly Row[]): Pick<Report, 'more'> =>
  left.length === 0 ? {} : { more: `${left.length}${isAll ? '' : ' and more'} behind: --after ${page.at(-1)?.['key']}` };

async function letterAt({ kafka }: Fleet, key: string): Promise<{ letter: Letter; record: IncomingMessage }> {
  const found = await readLetter(kafka, key);
  if (!found) throw new Refused(`no letter ${key} waits`);
  return found;
}

function shown({ record }: { readonly record: IncomingMessage }): Report {
  const headers = Object.keys(record.headers).sort();
  const rows = headers.map((field): Row => ({ field, value: (headerText(record, field) ?? '').slice(0, shownLimit) }));
  const original = record.value ?? Buffer.alloc(0);
  const text = original.toString('utf8');
  const value = text.includes('\ufffd') ? original.toString('hex') : text;
  return { rows: [...rows, { field: 'value', value: value.slice(0, shownLimit) }], nothing: '' };
}

async function planned(
  fleet: Fleet,
  key: string,
  act: (fleet: Fleet, letter: Letter, why: string) => Promise<string>,
): Promise<Plan> {
  const { letter, record } = await letterAt(fleet, key);
  return {
    name: key,
    shown: shown({ record }),
    act: async (why) => ({ rows: [{ letter: key, done: await act(fleet, letter, why) }], nothing: '' }),
  };
}

/** The group's own way from the store, never the topic: published once more, the event would stand there twice. */
async function redriven({ database, kafka }: Fleet, letter: Letter, why: string): Promise<string> {
  if (letter.eventId === undefined) throw new Refused('the original names no event: it can only be dropped');
  const done = await operation(database, 'redeliver', letter.group, letter.eventId, letter.key, why);
  await removeLetter(kafka, letter);
  return done;
}

/** Recorded first: a letter that is gone without a record can't be asked about. */
async function dropped({ database, kafka }: Fleet, letter: Letter, why: string): Promise<string> {
  await operation(database, 'drop_letter', letter.key, `${letter.reason}: ${letter.detail}`, why);
  await removeLetter(kafka, letter);
  return 'dropped';
}
