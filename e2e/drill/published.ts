import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const end = '<!-- end -->';

/** A row of a table, by cells. */
export type TableRow = readonly string[];

const firstCell = ([first = '']: TableRow): string => first;

/** The rows played now, and of the table published before those that were not, by key. */
export function withPublished(
  page: string,
  command: string,
  played: readonly TableRow[],
  keyOf: (row: TableRow) => string = firstCell,
): ReadonlyMap<string, TableRow> {
  const { text, from, to } = placeOn(page, command);
  const [, , ...lines] = text.slice(from, to).match(/^\|.*\|$/gm) ?? [];
  const before = lines.map((line) => line.slice(2, -2).split(' | '));
  return new Map([...before, ...played].map((row) => [keyOf(row), row]));
}

/** Writes a table, its titles first, into a page of docs, between the mark `<!-- npm run COMMAND -->` and the next end. */
export function publish(page: string, command: string, rows: readonly TableRow[]): void {
  const { path, text, mark, from, to } = placeOn(page, command);
  const line = (cells: TableRow): string => `| ${cells.join(' | ')} |`;
  const [titles = [], ...rest] = rows;
  const lines = [line(titles), line(titles.map(() => '---')), ...rest.map(line)];
  writeFileSync(path, `${text.slice(0, from)}${mark}\n\n${lines.join('\n')}\n\n${text.slice(to)}`);
}

function placeOn(page: string, command: string): { path: string; text: string; mark: string; from: number; to: number } {
  const path = fileURLToPath(new URL(`../../docs/${page}`, import.meta.url));
  const text = readFileSync(path, 'utf8');
  const mark = `<!-- npm run ${command} -->`;
  const from = text.indexOf(mark);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${page} has no ${mark} with an ${end} after it`);
  return { path, text, mark, from, to };
}
