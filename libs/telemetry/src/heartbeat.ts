import { gauge } from './metrics.ts';

/** Runs one attempt of a loop, whatever becomes of it, and resolves or rejects as it does. */
export type Attempt = <T>(work: () => Promise<T>) => Promise<T>;

interface Loop {
  beatAt: number;
  readonly underWay: Set<{ readonly since: number; readonly limitMs: number }>;
}

const loops = new Map<string, Loop>();
/** Longer than anything takes that is bounded itself: a statement 17 s, a transaction of many, a record's way to Kafka and its repeats. */
const defaultLimitMs = 300_000;

const secondsSince = (time: number): number => (performance.now() - time) / 1000;
const oldestOf = ({ underWay }: Loop): number => Math.min(performance.now(), ...[...underWay].map(({ since }) => since));

/**
 * The heartbeat of a loop: every attempt of it, also a failed one, is a beat when it ends. Metrics show how old the last beat is and how long the
 * oldest attempt under way lasts. One that lasts longer than `limitMs` neither ends nor fails: the process is not alive (`stuckLoops`).
 * `loop`: kebab-case; loops of one name share their beats.
 */
export function heartbeat(loop: string, limitMs = defaultLimitMs): Attempt {
  showAges();
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

/** The loops with an attempt that is over its limit. */
export function stuckLoops(): string[] {
  const now = performance.now();
  return [...loops].flatMap(([name, { underWay }]) =>
    [...underWay].some(({ since, limitMs }) => now - since > limitMs) ? [name] : [],
  );
}

function showAges(): void {
  gauge({
    name: 'loop_heartbeat_age_seconds',
    help: 'Time since an attempt of the loop ended, or failed.',
    labels: { loop: [] as string[] },
    collect: (metric) => {
      for (const [loop, { beatAt }] of loops) metric.set({ loop }, secondsSince(beatAt));
    },
  });
  gauge({
    name: 'loop_attempt_age_seconds',
    help: 'How long the oldest attempt of the loop that is under way has lasted; 0 when none is.',
    labels: { loop: [] as string[] },
    collect: (metric) => {
      for (const [loop, each] of loops) metric.set({ loop }, secondsSince(oldestOf(each)));
    },
  });
}
