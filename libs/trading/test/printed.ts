import { readFileSync, writeFileSync } from 'node:fs';

/**
 * The part of a docs page that is printed from code, between `<!-- name -->` and `<!-- /name -->`: as found and as
 * wanted. `UPDATE_GOLDEN=1` rewrites it.
 */
export function printed(page: string, name: string, wanted: string): { found: string; wanted: string } {
  const path = new URL(`../../../docs/${page}`, import.meta.url);
  const text = readFileSync(path, 'utf8');
  const [before, after] = [`<!-- ${name}: printed from code -->\n`, `\n<!-- /${name} -->`];
  const start = text.indexOf(before) + before.length;
  const end = text.indexOf(after);
  if (start < before.length || end < start) throw new Error(`${page} has no place for ${name}`);
  if (!process.env['UPDATE_GOLDEN']) return { found: text.slice(start, end), wanted };
  writeFileSync(path, text.slice(0, start) + wanted + text.slice(end));
  return { found: wanted, wanted };
}

/** A table in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (transitions: readonly string[]) => `| ${transitions.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
