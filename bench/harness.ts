import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import pg from 'pg';

/** The value below which `share` (0 to 1) of the values are; NaN if there are none. Sorts in place. */
export function percentile(values: number[], share: number): number {
  values.sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
}

/** The middle value. */
export const median = (values: readonly number[]): number => percentile([...values], 0.5);

/** Where a figure was measured: without this it means nothing. */
export async function machine(databaseUrl: string): Promise<Record<string, string>> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const shown = async (setting: string): Promise<string> =>
      String(Object.values((await client.query(`show ${setting}`)).rows[0] as object)[0]);
    const settings = ['fsync', 'synchronous_commit', 'shared_buffers', 'wal_sync_method'];
    const values: string[] = [];
    for (const setting of settings) values.push(`${setting}=${await shown(setting)}`);
    return {
      date: new Date().toISOString().slice(0, 16),
      cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
      load: `${(loadavg()[0] ?? 0).toFixed(1)} in the last minute, this bench included`,
      memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
      system: `Linux ${release()}`,
      node: process.version,
      postgresql: `${await shown('server_version')} (${values.join(', ')})`,
    };
  } finally {
    await client.end();
  }
}

/** One line of a table of results. */
export type Row = Readonly<Record<string, string | number>>;

/** The results of a bench. */
export interface Results {
  readonly name: string;
  /** What was measured and how: callers, seconds, sizes. */
  readonly method: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
  /** Each target, its measured value, and whether it was reached. */
  readonly targets: readonly { readonly target: string; readonly found: string; readonly reached: boolean }[];
}

/** Writes `results/<name>.json` and `.md`, and shows the latter. */
export function writeResults(results: Results): void {
  const folder = new URL('results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const page = markdown(results);
  writeFileSync(new URL(`${results.name}.json`, folder), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(new URL(`${results.name}.md`, folder), page);
  console.log(page);
}

function markdown({ name, method, machine: where, rows, targets }: Results): string {
  const columns = Object.keys(rows[0] ?? {});
  const line = (transitions: readonly (string | number)[]): string => `| ${transitions.join(' | ')} |`;
  return [
    `# ${name}`,
    '',
    method,
    '',
    line(columns),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map((column) => row[column] ?? ''))),
    '',
    line(['target', 'found', 'reached']),
    line(['---', '---', '---']),
    ...targets.map(({ target, found, reached }) => line([target, found, reached ? 'yes' : 'no'])),
    '',
    ...Object.entries(where).map(([key, value]) => `- ${key}: ${value}`),
    '',
  ].join('\n');
}
