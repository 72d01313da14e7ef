/**
 * One account places hundreds of orders a second while its fills settle, beside twenty other accounts; with one replica
 * and with two. Only APIs and store: the bench plays the settlements, and nothing else runs. `npm run bench --
 * hot-account [orders a second] [seconds]`
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Ground, terms, type Answer, type Door } from './door.ts';
import { machine, percentile, writeResults } from './harness.ts';
import { cpuTime } from './processes.ts';
import type { Settled, ToSettling } from './settling.ts';

const rate = Number(process.argv[2] ?? 500);
const seconds = Number(process.argv[3] ?? 20);
const warmUpSeconds = 5;
const others = 20;
/** Orders per second of all other accounts together. */
const othersRate = 50;

const ground = await Ground.start();
const { database } = ground;
const children = new Set<ChildProcess>();

/** That many calls per second at fixed moments, without waiting for answers. */
async function steadily<T>(perSecond: number, forSeconds: number, call: (number: number) => Promise<T>): Promise<T[]> {
  const started = performance.now();
  const calls: Promise<T>[] = [];
  for (let number = 0; number < perSecond * forSeconds; number += 1) {
    const wait = started + (number * 1000) / perSecond - performance.now();
    if (wait > 0) await sleep(wait);
    calls.push(call(number));
  }
  return Promise.all(calls);
}

const millisecondsOf = (answers: readonly Answer[]): number[] => answers.map(({ milliseconds }) => milliseconds);
const figure = (value: number): number => Math.round(value * 10) / 10;

async function startSettling(accountId: string): Promise<{ send(message: ToSettling): void; result(): Promise<Settled> }> {
  const child = fork(new URL('settling.ts', import.meta.url), {
    env: { ...process.env, DATABASE_URL: database.urlFor('order-saga') },
  });
  children.add(child);
  await once(child, 'message');
  child.send({ accountId });
  return {
    send: (message) => void child.send(message),
    result: async () => {
      child.send({ ask: true });
      const [settled] = (await once(child, 'message')) as [Settled];
      return settled;
    },
  };
}

/** One run with that many replicas: the other accounts alone, then beside the hot account. */
async function measure(replicas: number) {
  const doors = await Promise.all(Array.from({ length: replicas }, () => ground.openDoor()));
  const doorOf = (number: number): Door => doors[number % replicas] as Door;
  const hot = await ground.openAccount(doorOf(0), '100000000');
  const other = await Promise.all(Array.from({ length: others }, () => ground.openAccount(doorOf(0), '100000000')));
  const settling = await startSettling(hot);
  const placed: string[] = [];
  const placeOther = (number: number) => ground.post(doorOf(number).orders, terms(other[number % others] ?? ''));
  const placeHot = async (number: number): Promise<Answer> => {
    const answer = await ground.post(doorOf(number).orders, terms(hot));
    if (answer.status === 201) settling.send({ orderIds: [answer.body['id'] as string] });
    placed.push(String(answer.status));
    return answer;
  };
  const settled = async (): Promise<Settled> => {
    for (;;) {
      const result = await settling.result();
      if (result.settled >= placed.filter((status) => status === '201').length) return result;
      await sleep(20);
    }
  };
  await Promise.all([steadily(rate, warmUpSeconds, placeHot), steadily(othersRate, warmUpSeconds, placeOther)]);
  const before = await settled();
  const alone = await steadily(othersRate, seconds, placeOther);
  const cpuBefore = doors.map(({ pid }) => cpuTime(pid));
  const started = performance.now();
  const [answers, beside] = await Promise.all([steadily(rate, seconds, placeHot), steadily(othersRate, seconds, placeOther)]);
  const took = (performance.now() - started) / 1000;
  const after = await settled();
  const settledFor = (performance.now() - started) / 1000;
  const cpu = doors.reduce((sum, { pid }, index) => sum + cpuTime(pid) - (cpuBefore[index] ?? 0), 0);
  const [p99Alone, p99Beside] = [percentile(millisecondsOf(alone), 0.99), percentile(millisecondsOf(beside), 0.99)];
  const refused = [...answers, ...beside, ...alone].filter(({ status }) => status !== 201);
  await ground.closeDoors();
  for (const child of children) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  children.clear();
  return {
    replicas,
    'placed/s': figure(answers.filter(({ status }) => status === 201).length / took),
    'settled/s': figure((after.settled - before.settled) / settledFor),
    'place p50, ms': figure(percentile(millisecondsOf(answers), 0.5)),
    'place p99, ms': figure(percentile(millisecondsOf(answers), 0.99)),
    'settle p50, ms': figure(after.p50),
    'not 201': refused.length + after.failures.length,
    "others' p50 alone, ms": figure(percentile(millisecondsOf(alone), 0.5)),
    "others' p99 alone, ms": figure(p99Alone),
    "others' p50 beside, ms": figure(percentile(millisecondsOf(beside), 0.5)),
    "others' p99 beside, ms": figure(p99Beside),
    ratio: Math.round((p99Beside / p99Alone) * 100) / 100,
    'door CPU a request, ms': figure(cpu / (answers.length + beside.length)),
  };
}

try {
  const rows = [await measure(1), await measure(2)];
  writeResults({
    name: 'hot-account',
    method:
      `${rate} limit orders a second on one account for ${seconds} s after ${warmUpSeconds} s of warm-up, open loop, each accepted, filled and settled as ` +
      `soon as it is answered, up to 25 a save under the account's lock; beside it ${othersRate} orders a second on ${others} other accounts, measured before alone. Doors, ` +
      'store, the settlements and this bench on one machine; no relay, gateway or projector runs.',
    machine: await machine(database.url),
    rows,
    targets: rows.flatMap((row) => [
      {
        target: `${row.replicas} replica(s): >= ${rate} placed/s`,
        found: String(row['placed/s']),
        reached: row['placed/s'] >= rate * 0.99,
      },
      { target: `${row.replicas} replica(s): nothing refused`, found: String(row['not 201']), reached: row['not 201'] === 0 },
      { target: `${row.replicas} replica(s): others' p99 <= 1.2 x alone`, found: String(row.ratio), reached: row.ratio <= 1.2 },
    ]),
  });
} finally {
  for (const child of children) child.kill('SIGKILL');
  await ground.close();
}
process.exit(0);
