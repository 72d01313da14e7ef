import { tableOf } from '@tradecore/checks';

/** Where words for the operator go. */
export type Say = (text: string) => void;

/** What a command answers: rows for people and for scripts, and the exit code (0: well, 1: something was found, 2: it could not be judged). */
export interface Report {
  readonly rows: readonly Row[];
  /** Said instead of a table without rows. */
  readonly nothing: string;
  /** Said below a table that does not end here; not in JSON. */
  readonly more?: string;
  readonly code?: 0 | 1 | 2;
}

/** One line of a table; names are its titles. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** As `--json` prints it, or as a table. */
export function printed({ rows, nothing, more }: Report, json: boolean): string {
  if (json) return JSON.stringify(rows, null, 2);
  const titles = [...new Set(rows.flatMap(Object.keys))];
  if (rows.length === 0) return nothing;
  const table = tableOf([titles, ...rows.map((row) => titles.map((title) => String(row[title] ?? '')))]);
  return more === undefined ? table : `${table}\n${more}`;
}
