/**
 * Figures 3 and 5: from the client's 201 to the row in the read model, on a whole fleet that the runner starts, at a steady rate that does
 * not wait for answers; then what each process weighs. `npm run bench -- order-to-row [orders a second] [seconds]`
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { freshId } from '@tradecore/events';
import pg from 'pg';
import { startWorld, type World } from '../e2e/world.ts';
import { machine, percentile, writeResults } from './harness.ts';

const rate = Number(process.argv[2] ?? 200);
const seconds = Number(process.argv[3] ?? 30);
const warmUpSeconds = 8;
const accounts = 8;
const services = ['command-api', 'outbox-relay', 'order-projector', 'feed-projector', 'query-api'];

/** Looks for rows that are awaited, as often as PostgreSQL answers; each look is a search by primary key. */
class RowWatch {
  readonly #awaited = new Map<string, (at: number) => void>();
  #isOver = false;
  readonly #done: Promise<void>;

  readonly #client: pg.Client;

  constructor(client: pg.Client) {
    this.#client = client;
    this.#done = this.#look();
  }

  /** When the row was seen, on this process's clock. */
  seen(orderId: string): Promise<number> {
    return new Promise((resolve) => this.#awaited.set(orderId, resolve));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  async #look(): Promise<void> {
    while (!this.#isOver) {
      if (this.#awaited.size > 0) {
        const { rows } = await this.#client.query<{ order_id: string }>({
          name: 'seen',
          text: 'select order_id from order_projector.orders where order_id = any($1)',
          values: [[...this.#awaited.keys()]],
        });
        const at = performance.now();
        for (const { order_id: id } of rows) {
          this.#awaited.get(id)?.(at);
          this.#awaited.delete(id);
        }
      }
      await sleep(1);
    }
  }
}

/** Who places orders. */
interface Client {
  readonly account: string;
  readonly authorization: string;
}

/** Milliseconds of one order: until its 201, and from there to its row. */
interface Journey {
  readonly answer: number;
  readonly row: number;
}

async function place(world: World, watch: RowWatch, client: Client, number: number): Promise<Journey> {
  const terms = { symbol: 'ACME', side: 'buy', type: 'limit', quantity: '10', limitPrice: '101.5', timeInForce: 'day' };
  const body = JSON.stringify({ accountId: client.account, clientOrderId: `bench-${number}`, ...terms });
  const asked = performance.now();
  const response = await fetch(`${world.address}/v1/orders`, {
    method: 'POST',
    headers: { authorization: client.authorization, 'content-type': 'application/json' },
    body,
  });
  const answered = performance.now();
  if (response.status !== 201) throw new Error(`${response.status}: ${await response.text()}`);
  const orderId = (response.headers.get('location') ?? '').split('/').at(-1) ?? '';
  await response.arrayBuffer();
  const seen = await watch.seen(orderId);
  return { answer: answered - asked, row: Math.max(0, seen - answered) };
}

/** Orders at fixed moments, whatever the answers do. */
async function load(world: World, watch: RowWatch): Promise<Journey[]> {
  const clients = await Promise.all(
    Array.from({ length: accounts }, async () => {
      const account = freshId();
      return { account, authorization: `Bearer ${await world.token(account)}` };
    }),
  );
  const started = performance.now();
  const journeys: Promise<Journey>[] = [];
  for (let number = 0; number < rate * (warmUpSeconds + seconds); number += 1) {
    const wait = started + (number * 1000) / rate - performance.now();
    if (wait > 0) await sleep(wait);
    journeys.push(place(world, watch, clients[number % accounts] as Client, number));
  }
  return (await Promise.all(journeys)).slice(rate * warmUpSeconds);
}

/** Resident memory in MB. */
function weight(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(line?.[1] ?? Number.NaN) / 1000);
}

const figure = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;

const world = await startWorld();
const client = new pg.Client(world.databaseUrl);
await client.connect();
const watch = new RowWatch(client);
try {
  const journeys = await load(world, watch);
  const [answers, rows] = [journeys.map(({ answer }) => answer), journeys.map(({ row }) => row)];
  const weights = services.map((service) => ({ service, MB: weight(world.pidOf(service)) }));
  const [p50, p99] = [figure(percentile(rows, 0.5)), figure(percentile(rows, 0.99))];
  const heaviest = Math.max(...weights.map(({ MB }) => MB));
  writeResults({
    name: 'order-to-row',
    method:
      `${rate} orders/s for ${seconds} s after ${warmUpSeconds} s of warm-up, ${accounts} accounts, open loop, through the one address; clients, ` +
      'watcher, every service and every server on this machine. The watcher looks every 1 ms or slower, which the figures include.',
    machine: await machine(world.databaseUrl),
    rows: [
      { what: 'request -> 201 (ms)', p50: figure(percentile(answers, 0.5)), p99: figure(percentile(answers, 0.99)) },
      { what: '201 -> row in the read model (ms)', p50, p99 },
      ...weights.map(({ service, MB }) => ({ what: `${service}, resident after the run (MB)`, p50: MB, p99: '' })),
    ],
    targets: [
      { target: '201 -> row p50 < 6 ms', found: `${p50} ms`, reached: p50 < 6 },
      { target: '201 -> row p99 < 30 ms', found: `${p99} ms`, reached: p99 < 30 },
      { target: 'a service weighs <= 150 MB', found: `${heaviest} MB`, reached: heaviest <= 150 },
    ],
  });
} finally {
  await watch.stop();
  await client.end();
  await world.end();
}
