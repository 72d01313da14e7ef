import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const end = '<!-- end -->';

/** Writes a table, its titles first, into a page of docs, between the mark `<!-- npm run COMMAND -->` and the next end. */
export function publish(page: string, command: string, rows: readonly (readonly string[])[]): void {
  const path = fileURLToPath(new URL(`../../docs/${page}`, import.meta.url));
  const text = readFileSync(path, 'utf8');
  const mark = `<!-- npm run ${command} -->`;
  const from = text.indexOf(mark);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${page} has no ${mark} with an ${end} after it`);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const [titles = [], ...rest] = rows;
  const lines = [line(titles), line(titles.map(() => '---')), ...rest.map(line)];
  writeFileSync(path, `${text.slice(0, from)}${mark}\n\n${lines.join('\n')}\n\n${text.slice(to)}`);
}
