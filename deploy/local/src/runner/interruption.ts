import { constants } from 'node:os';
import { say } from './console.ts';

type End = () => Promise<unknown>;

/** What runs, in the order in which it began. */
const running = new Set<End>();
let isInterrupted = false;

/** True once a signal came: nothing new begins. */
export const interrupted = (): boolean => isInterrupted;

/**
 * Lets a signal end it too, what began last first. Returns what ends it: once, however often it is called. Throws after a signal.
 */
export function endedBySignal<T>(end: () => Promise<T>): () => Promise<T> {
  if (isInterrupted) throw new Error('Interrupted: everything is being ended');
  let ending: Promise<T> | undefined;
  const once = (): Promise<T> => (ending ??= end().finally(() => running.delete(once)));
  running.add(once);
  return once;
}

/**
 * Runs `work`. A signal ends all that runs, then this process; npm, the shell and the terminal may each send the same Ctrl-C. Each end has a limit of its
 * own, so that a second Ctrl-C is not needed.
 */
export async function interruptible<T>(work: () => Promise<T>): Promise<T> {
  let ending: Promise<void> | undefined;
  const interrupt = (signal: NodeJS.Signals): void => {
    ending ??= endBy(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupt);
  try {
    return await work();
  } finally {
    await ending; // what is left of the work fails, as its servers are gone: that must not end this process early
    for (const signal of signals) process.off(signal, interrupt);
  }
}

/** Runs `work`. What it began and has not ended, perhaps because it failed, is ended afterwards. */
export async function leavingNothing<T>(work: () => Promise<T>): Promise<T> {
  const before = new Set(running);
  return work().finally(() => endAll([...running].filter((each) => !before.has(each))));
}

async function endBy(signal: NodeJS.Signals): Promise<void> {
  isInterrupted = true;
  say(`\n${signal}: everything that was started is stopped; this takes up to a minute`);
  await endAll([...running]);
  process.exit(128 + constants.signals[signal]);
}

async function endAll(all: readonly End[]): Promise<void> {
  for (const end of all.toReversed()) await end().catch((error: unknown) => say(`  ! ${(error as Error).message}`));
}
