import { gauge, setWhenRead } from './metrics.ts';

/** Runs one attempt of a loop and settles as it does. */
export type Attempt = <T>(work: () => Promise<T>) => Promise<T>;

interface Loop {
  beatAt: number;
  readonly underWay: Set<{ readonly since: number; readonly limitMs: number }>;
}

const loops = new Map<string, Loop>();
/** Longer than any bounded work: a statement of 17 s, a transaction of many, a Kafka write with its retries. */
const defaultLimitMs = 300_000;

const beatAge = gauge({
  name: 'tradecore_loop_heartbeat_age_seconds',
  help: 'Time since an attempt of the loop last ended or failed.',
  labels: { loop: [] },
  atMost: 40,
});
const attemptAge = gauge({
  name: 'tradecore_loop_attempt_age_seconds',
  help: 'Age of the oldest running attempt of the loop; 0 if none is running.',
  labels: { loop: [] },
  atMost: 40,
});
setWhenRead(beatAge, () => {
  for (const [loop, { beatAt }] of loops) beatAge.set({ loop }, secondsSince(beatAt));
});
setWhenRead(attemptAge, () => {
  for (const [loop, each] of loops) attemptAge.set({ loop }, secondsSince(oldestOf(each)));
});

const secondsSince = (time: number): number => (performance.now() - time) / 1000;
const oldestOf = ({ underWay }: Loop): number => Math.min(performance.now(), ...[...underWay].map(({ since }) => since));

/**
 * The heartbeat of a loop: each attempt, even a failed one, beats when it ends. Metrics show the age of the last beat
 * and of the oldest running attempt. An attempt over `limitMs` neither ends nor fails: the process is not alive
 * (`stuckLoops`). `loop` is kebab-case; loops with the same name share their beats.
 */
export function heartbeat(loop: string, limitMs = defaultLimitMs): Attempt {
  const known = loops.get(loop) ?? { beatAt: performance.now(), underWay: new Set() };
  loops.set(loop, known);
  return async (work) => {
    const attempt = { since: performance.now(), limitMs };
    known.underWay.add(attempt);
    try {
      return await work();
    } finally {
      known.underWay.delete(attempt);
      known.beatAt = performance.now();
    }
  };
}

/** The loops with an attempt over its limit. */
export function stuckLoops(): string[] {
  const now = performance.now();
  return [...loops].flatMap(([name, { underWay }]) =>
    [...underWay].some(({ since, limitMs }) => now - since > limitMs) ? [name] : [],
  );
}
