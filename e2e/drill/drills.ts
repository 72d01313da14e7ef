import { Refusal, say, seconds, table } from '@tradecore/local/runner/console.ts';
import { interrupted, leavingNothing } from '@tradecore/local/runner/interruption.ts';

/** What a drill came to. */
export interface Played {
  /** Nothing was found that was not promised. */
  readonly isWell: boolean;
  /** Its result in a line. */
  readonly inShort: string;
}

/** A bad day that is played on a fleet of its own; it prints and publishes its own table. */
export type Drill = (args: readonly string[]) => Promise<Played>;

/** Each by its name, loaded when it is played. */
const drills: Readonly<Record<string, () => Promise<Drill>>> = {
  'broker-log': async () => (await import('./broker-log.ts')).drillBrokerLog,
  restore: async () => (await import('./restore.ts')).drillRestore,
  alerts: async () => (await import('./alerts/drill.ts')).drillAlerts,
  boards: async () => (await import('./boards.ts')).drillBoards,
};

/** Plays the drill of this name with the arguments after it, or all of them: `--all`. Returns 1 when anything was found. */
export async function play([name = '', ...args]: readonly string[]): Promise<number> {
  if (name === '--all') return playAll();
  const drill = Object.hasOwn(drills, name) ? drills[name] : undefined;
  if (!drill) throw new Refusal(`No drill "${name}". There are: ${Object.keys(drills).join(', ')}, and --all for all of them.`);
  const { isWell } = await leavingNothing(async () => (await drill())(args));
  return isWell ? 0 : 1;
}

/** One that breaks down does not keep the others from being played; its results are published as it comes to them. */
async function playAll(): Promise<number> {
  const rows: string[][] = [];
  const shown = (): string => table([['drill', 'result', 'in short', 'took'], ...rows]);
  let isWell = true;
  for (const [name, load] of Object.entries(drills)) {
    say(`\n== ${name}`);
    const began = Date.now();
    const played = await leavingNothing(async () => (await load())([])).catch((error: unknown): Played => {
      say(String((error as Error).stack));
      return { isWell: false, inShort: `broke down: ${firstLine(error as Error)}` };
    });
    if (interrupted()) break;
    isWell &&= played.isWell;
    rows.push([name, played.isWell ? 'passed' : 'FAILED', played.inShort, seconds(Date.now() - began)]);
    say(`\n${shown()}`);
  }
  return isWell ? 0 : 1;
}

const firstLine = ({ message }: Error): string => message.split('\n')[0]?.slice(0, 120) ?? '';
