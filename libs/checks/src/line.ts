import { hash } from 'node:crypto';

/** An answer: a figure as text, or the list of everything found. */
export type Answer = string | readonly string[];

/** A question and each witness's answer; absent for a witness that cannot tell. */
export interface Line {
  readonly what: string;
  readonly store: Answer;
  /** The expected answer, derived from other facts. */
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

/** True when all answers are the same, in any order. */
export const agrees = (line: Line): boolean => answersOf(line).every((answer) => inShort(answer) === inShort(line.store));

/** What only the witness or only the store has; at most four of each. */
const differences = (line: Line): string[] =>
  answersOf(line).flatMap((answer) => [
    ...missing(line.store, answer, 'only in the store'),
    ...missing(answer, line.store, 'not in the store'),
  ]);

function missing(from: Answer, in_: Answer, where: string): string[] {
  if (typeof from === 'string' || typeof in_ === 'string')
    return inShort(from) === inShort(in_) ? [] : [`${where}: ${inShort(from)}`];
  const there = new Set(in_);
  return from
    .filter((each) => !there.has(each))
    .slice(0, 4)
    .map((each) => `${where}: ${each}`);
}

/** The count and a short digest of the answers: lines have thousands of them and are compared several times. */
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

/** The lines as a table, followed by the differences between witnesses. */
export function printed(lines: readonly Line[]): string {
  const rows = lines.map((line) => [
    agrees(line) ? '✓' : '✗',
    line.what,
    ...[line.store, line.mustBe, line.brokerage, line.reads, line.topics].map((answer = '') => inShort(answer)),
  ]);
  const titles = ['', 'what', 'event store', 'must be', 'brokerage', 'read models', 'topics'];
  return [tableOf([titles, ...rows]), ...disagreements(lines)].join('\n');
}

/** What each line is about that does not agree, and its differences; none if all agree. */
export const disagreements = (lines: readonly Line[]): string[] =>
  lines.filter((line) => !agrees(line)).flatMap((line) => [`${line.what}:`, ...differences(line).map((each) => `  ${each}`)]);

/** Columns as wide as their widest text; the first row holds the titles. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}
