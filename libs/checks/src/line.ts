import { hash } from 'node:crypto';

/** An answer: a figure in words, or everything that was found, one by one. */
export type Answer = string | readonly string[];

/** What is asked, and what each witness answers; those who don't know say nothing. */
export interface Line {
  readonly what: string;
  readonly store: Answer;
  /** What it has to be, worked out of other facts. */
  readonly mustBe?: Answer | undefined;
  readonly brokerage?: Answer | undefined;
  readonly reads?: Answer | undefined;
  readonly topics?: Answer | undefined;
}

const answersOf = ({ store, mustBe = store, brokerage = store, reads = store, topics = store }: Line): Answer[] => [
  mustBe,
  brokerage,
  reads,
  topics,
];

/** True when all say the same, in whatever order. */
export const agrees = (line: Line): boolean => answersOf(line).every((answer) => inShort(answer) === inShort(line.store));

/** What a witness has and the store has not, or the other way round; at most four of each. */
const differences = (line: Line): string[] =>
  answersOf(line).flatMap((answer) => [
    ...missing(line.store, answer, 'only in the store'),
    ...missing(answer, line.store, 'not in the store'),
  ]);

function missing(from: Answer, in_: Answer, where: string): string[] {
  if (typeof from === 'string' || typeof in_ === 'string') return [];
  const there = new Set(in_);
  return from
    .filter((each) => !there.has(each))
    .slice(0, 4)
    .map((each) => `${where}: ${each}`);
}

/** How many, and a short word that differs when any of them differs. Lines have thousands of answers, and are looked at several times. */
function inShort(answer: Answer): string {
  if (typeof answer === 'string') return answer;
  if (answer.length === 0) return '0';
  const known = shortened.get(answer);
  if (known !== undefined) return known;
  const short = `${answer.length} (${hash('sha1', answer.toSorted().join('\n')).slice(0, 8)})`;
  shortened.set(answer, short);
  return short;
}

const shortened = new WeakMap<readonly string[], string>();

/** The lines as a table; below it, where witnesses differ, what differs. */
export function printed(lines: readonly Line[]): string {
  const rows = lines.map((line) => [
    agrees(line) ? '✓' : '✗',
    line.what,
    ...[line.store, line.mustBe, line.brokerage, line.reads, line.topics].map((answer = '') => inShort(answer)),
  ]);
  const titles = ['', 'what', 'event store', 'must be', 'brokerage', 'read models', 'topics'];
  const off = lines
    .filter((line) => !agrees(line))
    .flatMap((line) => [`${line.what}:`, ...differences(line).map((each) => `  ${each}`)]);
  return [tableOf([titles, ...rows]), ...off].join('\n');
}

/** Columns as wide as their widest text; the first row has the titles. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}
