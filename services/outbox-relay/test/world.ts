import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { freshId, topics } from '@tradecore/events';
import { decode, Undecodable } from '@tradecore/messaging';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import pg from 'pg';

/** A store, a broker, and relays as processes. */
export interface World {
  readonly database: TestDatabase;
  readonly kafka: TestKafka;
  /** Starts a relay on this store, or on another database. */
  relay(env?: Record<string, string>): RelayProcess;
  close(): Promise<void>;
}

/** A relay that may be killed. */
export interface RelayProcess {
  readonly child: ChildProcess;
  /** Waits until it has printed a line: a state, or `at <failpoint>`. */
  said(word: string): Promise<void>;
  readonly exited: Promise<void>;
  readonly log: () => string;
  stop(): Promise<void>;
}

const main = fileURLToPath(new URL('relay-process.ts', import.meta.url));
const hook = fileURLToPath(new URL('../../../typescript-hook.mjs', import.meta.url));
/** Every topic of stored events, because a resume reads all of them, and the topic of the position. */
export const declarations = [...Object.values(topics).filter(({ writer }) => writer === 'relay'), topics.relayPosition];

export async function until(what: string, condition: () => boolean | Promise<boolean>, withinMs = 30_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(20);
  }
}

function startRelay(env: Record<string, string>): RelayProcess {
  const child = spawn(process.execPath, ['--import', hook, '--conditions=@tradecore/source', '--no-warnings', main], {
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  child.stderr.on('data', (text: Buffer) => (output += text.toString()));
  const exited = once(child, 'exit').then(() => undefined);
  const dead = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    child,
    exited,
    log: () => output,
    said: (word) =>
      until(`relay ${child.pid} says ${word}; it said ${output.slice(-2_000)}`, () => {
        if (output.split('\n').includes(word)) return true;
        if (dead()) throw new Error(`the relay ended before it said ${word}: ${output.slice(-2_000)}`);
        return false;
      }),
    stop: async () => {
      if (dead()) return;
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

export async function createWorld(): Promise<World> {
  const [database, kafka] = await Promise.all([createTestDatabase(), createTestKafka({ declarations })]);
  const relays: RelayProcess[] = [];
  return {
    database,
    kafka,
    relay: (env = {}) => {
      const started = startRelay({
        DATABASE_URL: database.urlFor('outbox-relay'),
        KAFKA_BROKERS: kafka.brokers.join(','),
        NAMESPACE: kafka.namespace,
        ...env,
      });
      relays.push(started);
      return started;
    },
    close: async () => {
      for (const { child, exited } of relays) {
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
        await exited;
      }
      await kafka.drop();
      await database.drop();
    },
  };
}

/** One save, with events of one or more aggregates. */
export type Save = readonly { readonly id: string; readonly expected: number; readonly events: number; readonly text?: string }[];

/** Calls the append function as command-api does. Returns the verdict. */
export async function append(client: pg.Client, save: Save): Promise<string> {
  const parts = save.map((_, index) => index + 1);
  const eventParts = save.flatMap(({ events }, index) => Array<number>(events).fill(index + 1));
  const events = save.flatMap(({ events: count, text }) =>
    Array.from({ length: count }, () => ({ v: 1, d: { text: text ?? 'x' }, m: { account: freshId() } })),
  );
  const { rows } = await client.query<{ verdict: string }>(
    'select verdict from append_events($1, $2, $3, $4, $5, $6, $7, $8, 1000)',
    [
      parts.map(() => 1),
      save.map(({ id }) => id),
      parts.map(() => 'Order'),
      save.map(({ expected }) => expected),
      eventParts,
      eventParts.map(() => freshId()),
      eventParts.map(() => 'OrderPlaced'),
      JSON.stringify(events),
    ],
  );
  return rows[0]?.verdict ?? 'none';
}

/** Milliseconds that a save stays open; sometimes longer than a heartbeat. */
function delayOf(turn: number): number {
  if (turn % 50 === 25) return 1_500;
  return turn % 8 === 0 ? 30 + (turn % 5) * 40 : 0;
}

/** Writer load: saves of one or many events, of two aggregates, slow ones that commit late, one in ten rolled back. */
export class Load {
  readonly #done: Promise<unknown>;
  #stopping = false;
  saves = 0;

  constructor(url: string, writers = 4) {
    this.#done = Promise.all(Array.from({ length: writers }, (_, writer) => this.#write(url, writer)));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
  }

  async #write(url: string, writer: number): Promise<void> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const versions = Array.from({ length: 10 }, () => ({ id: freshId(), version: 0 }));
    for (let turn = writer; !this.#stopping; turn += 1) {
      const one = versions[turn % 10]!;
      const other = versions[(turn * 7 + 3) % 10]!;
      const counted = (each: { id: string; version: number }, events: number) => ({
        id: each.id,
        expected: each.version,
        events,
      });
      const parts =
        turn % 3 === 0 && one !== other ? [counted(one, 2), counted(other, 1)] : [counted(one, turn % 4 === 0 ? 5 : 1)];
      await client.query('begin');
      const verdict = await append(client, parts);
      if (verdict !== 'stored') throw new Error(`a save of the load was ${verdict}`);
      await sleep(delayOf(turn)); // Later saves commit first, with higher positions.
      const kept = turn % 10 !== 5;
      await client.query(kept ? 'commit' : 'rollback');
      if (kept) for (const { id, events } of parts) versions.find((each) => each.id === id)!.version += events;
      this.saves += 1;
      await sleep(2);
    }
    await client.end();
  }
}

/** Waits until the outbox is empty: everything is published and settled. */
export const drained = (database: TestDatabase): Promise<void> =>
  until('the outbox is empty', async () => (await database.dataSource.query('select from event_outbox limit 1')).length === 0);

/**
 * What a reader of the topic sees, compared with the store. A broker acknowledges a transaction before every partition
 * has its marker, so missing events are checked a few times.
 */
export async function compareTopicWithStore(kafka: TestKafka, database: TestDatabase): Promise<Comparison> {
  let found = await compareOnce(kafka, database);
  for (let again = 0; found.lost.length > 0 && again < 20; again += 1) {
    await sleep(100);
    found = await compareOnce(kafka, database);
  }
  return found;
}

/** Equal lists mean each event once and no others. */
interface Comparison {
  readonly topic: string[];
  readonly store: string[];
  readonly outOfOrder: string[];
  readonly lost: string[];
  readonly twice: string[];
}

async function compareOnce(kafka: TestKafka, database: TestDatabase): Promise<Comparison> {
  const last = new Map<string, number>();
  const place = new Map<string, number>();
  const topic: string[] = [];
  const outOfOrder: string[] = [];
  for (const record of await kafka.readTopic(topics.orderEvents.name)) {
    const event = decode(record);
    if (event instanceof Undecodable) throw new Error(`undecodable: ${event.detail}`);
    const right =
      (last.get(event.aggregateId) ?? 0) + 1 === event.aggregateVersion &&
      (place.get(event.aggregateId) ?? record.partition) === record.partition;
    if (!right) outOfOrder.push(`${event.aggregateId} v${event.aggregateVersion}`);
    last.set(event.aggregateId, event.aggregateVersion);
    place.set(event.aggregateId, record.partition);
    topic.push(event.id);
  }
  const rows: { event_id: string }[] = await database.dataSource.query('select event_id from event_store');
  const store = rows.map(({ event_id }) => event_id).sort();
  const seen = new Set(topic);
  return {
    topic: topic.sort(),
    store,
    outOfOrder,
    lost: store.filter((id) => !seen.has(id)),
    twice: topic.filter((id, index) => topic[index - 1] === id),
  };
}

/** Each stored event once on the topic, nothing else, versions in order. */
export async function expectExactlyOnce(kafka: TestKafka, database: TestDatabase, atLeast: number): Promise<void> {
  const { topic, store, outOfOrder, lost, twice } = await compareTopicWithStore(kafka, database);
  expect({ lost, twice, outOfOrder }).toEqual({ lost: [], twice: [], outOfOrder: [] });
  expect(topic).toEqual(store);
  expect(store.length).toBeGreaterThan(atLeast);
}
