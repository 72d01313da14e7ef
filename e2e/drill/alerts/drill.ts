import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { say, seconds, table } from '@tradecore/local/runner/console.ts';
import type { Played } from '../drills.ts';
import { faults } from './faults.ts';
import type { Fault } from './fault.ts';
import { held, publishTimes, titles } from './times.ts';
import { WatchedFleet, type ActiveAlert } from './watched-fleet.ts';

const firesWithinMs = 120_000;
const endsWithinMs = 120_000;
const lookEveryMs = 200;
/** So long a healthy fleet is looked at before the first fault. */
const healthyMs = 30_000;

/** When it was first seen so, in ms: since the fault, `resolved` since the cure. */
interface Times {
  pending?: number;
  firing?: number;
  resolved?: number;
}

/**
 * Injects each fault into one fleet, waits for its alerts, does what their page says, and waits until they end:
 * `--only RelayHalted,StoreMoved`, `--scale 60`. Writes the times into docs/watch.md.
 */
export async function drillAlerts(args: readonly string[]): Promise<Played> {
  const options = { scale: { type: 'string', default: '60' }, only: { type: 'string' } } as const;
  const { values } = parseArgs({ args: [...args], options });
  const scale = Number(values.scale);
  const wanted = faults.filter(({ alerts }) => values.only?.split(',').some((name) => alerts.includes(name)) ?? true);
  say(`${wanted.length} faults on one fleet; the rules' times are divided by ${scale}`);
  const fleet = await WatchedFleet.open(scale);
  const rows: string[][] = [];
  const failures: string[] = [];
  const lasting = new Set<string>();
  try {
    await poll('every process to be read', endsWithinMs, () => fleet.isSeen());
    await sleep(healthyMs);
    for (const fault of wanted) {
      say(`\n  ${fault.fault}`);
      for (const name of fault.lasting ?? []) lasting.add(name);
      const played = await silence(fleet, lasting)
        .then(() => play(fleet, fault, lasting))
        .catch((error: Error) => error);
      if (played instanceof Error) {
        failures.push(`${fault.fault}: ${played.message}`);
        say(`    ! ${played.message}`);
        fleet.wake();
      } else {
        rows.push(...played);
        publishTimes(played);
      }
    }
  } finally {
    await fleet.end();
  }
  say(`\n${table([titles, ...rows])}\n\n${failures.join('\n')}`);
  const isWell = failures.length === 0;
  return { isWell, inShort: `${rows.length} alerts fired and ended, ${failures.length} faults did not go as they should` };
}

async function play(fleet: WatchedFleet, { fault, alerts, inject }: Fault, lasting: ReadonlySet<string>): Promise<string[][]> {
  const seen = new Map<string, Times>(alerts.map((name) => [name, {}]));
  const began = performance.now();
  const cure = await inject(fleet);
  const fires = async (): Promise<boolean> => {
    const active = await fleet.alerts();
    for (const [name, times] of seen) {
      const states = active
        .filter(({ labels }) => labels['alertname'] === name && (labels['window'] ?? '1h') === '1h')
        .map(({ state }) => state);
      if (states.length > 0) times.pending ??= performance.now() - began;
      if (states.includes('firing')) times.firing ??= performance.now() - began;
    }
    return [...seen.values()].every(({ firing }) => firing !== undefined);
  };
  const missing = await poll(`${alerts.join(', ')} to fire`, firesWithinMs, fires).catch((error: Error) => error);
  for (const [name, { firing }] of seen)
    say(`    ${name} ${firing === undefined ? 'does not fire' : `fires after ${seconds(firing)}`}`);
  await cure();
  const cured = performance.now();
  await poll('all to end', endsWithinMs, async () => {
    const active = namesOf(await fleet.alerts());
    for (const [name, times] of seen) if (!active.includes(name)) times.resolved ??= performance.now() - cured;
    return active.every((name) => lasting.has(name));
  }).catch(async (error: Error) => Promise.reject(new Error(`${error.message}: ${namesOf(await fleet.alerts()).join(', ')}`)));
  if (missing) throw missing;
  return [...seen].map(([name, times]) => [name, fault, ...[times.pending, times.firing, times.resolved].map(shown), held(name)]);
}

/** One that is not over yet stays for its window: a day. */
const shown = (ms: number | undefined): string => (ms === undefined ? 'a day later' : seconds(ms));

/** What is pending or firing, but for what always is, and the slower windows of a budget: they end hours after the fault. */
const namesOf = (active: readonly ActiveAlert[]): string[] => {
  const now = active.filter(({ labels }) => labels['alertname'] !== 'Watchdog' && (labels['window'] ?? '1h') === '1h');
  return [...new Set(now.map(({ labels }) => labels['alertname'] ?? ''))];
};

/** A healthy fleet raises nothing: else no fault is injected. */
async function silence(fleet: WatchedFleet, lasting: ReadonlySet<string>): Promise<void> {
  const isSilent = async (): Promise<boolean> => namesOf(await fleet.alerts()).every((name) => lasting.has(name));
  await poll('the healthy fleet to be silent', endsWithinMs, isSilent).catch(async (error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(await fleet.alerts())}`);
  });
}

async function poll(what: string, withinMs: number, answer: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await answer())) {
    if (Date.now() > deadline) throw new Error(`Waited ${withinMs / 1000} s for ${what}`);
    await sleep(lookEveryMs);
  }
}
