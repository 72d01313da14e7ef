/** A step of a longer job: its name, its duration, and a remark. */
export type Step = <T>(name: string, work: (remark: (text: string) => void) => Promise<T> | T) => Promise<T>;

/** Milliseconds in readable form: `0.4 s`, `12.3 s`, `2 min 05 s`. */
export function seconds(milliseconds: number): string {
  const whole = milliseconds / 1000;
  if (whole < 60) return `${whole.toFixed(1)} s`;
  return `${Math.floor(whole / 60)} min ${String(Math.floor(whole % 60)).padStart(2, '0')} s`;
}

/** Writes a line at once, also into a pipe. */
export function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/**
 * Runs one step and writes one line when it ends: name, time, remark. A failing step is printed, and its error
 * rethrown.
 */
export const step: Step = async (name, work) => {
  const started = performance.now();
  let remark = '';
  const line = (mark: string) => `  ${mark} ${name.padEnd(26)} ${seconds(performance.now() - started).padStart(10)}  ${remark}`;
  try {
    const result = await work((text) => (remark = text));
    say(line('✓').trimEnd());
    return result;
  } catch (error) {
    say(line('✗').trimEnd());
    throw error;
  }
};

/** A reason to stop that the user can act on: shown without a stack. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** Rows as aligned columns, two spaces apart. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) => row.map((transition, column) => transition.padEnd(widths[column] ?? 0)).join('  ');
  return rows.map((row) => `  ${line(row)}`.trimEnd()).join('\n');
}

/** A line of a JSON log in readable form; any other line unchanged. */
export function readable(line: string): string {
  try {
    const { level, msg, err } = JSON.parse(line) as { level: string; msg: string; err?: { message: string } };
    return `${level}: ${msg}${err ? `: ${err.message}` : ''}`;
  } catch {
    return line;
  }
}
