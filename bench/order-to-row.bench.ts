/**
 * Figures 3 and 5: from the client's answer to the row in the read model, on a whole fleet that the runner starts, at a
 * steady rate that does not wait for answers, and at a tenth of it; then each process's memory. `npm run bench --
 * order-to-row [orders a second] [seconds]`
 */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { fleetOf, startWorld, type World } from '../e2e/world.ts';
import { machine, percentile, writeResults } from './harness.ts';
import { cpuTime, weight } from './processes.ts';

const rate = Number(process.argv[2] ?? 200);
const seconds = Number(process.argv[3] ?? 30);
const accounts = 8;
const services = ['command-api', 'outbox-relay', 'order-projector', 'feed-projector', 'query-api'];

/** Polls for awaited rows as often as PostgreSQL answers; each poll is a look-up by primary key. */
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

/** The clients that place orders. */
interface Client {
  readonly account: string;
  readonly authorization: string;
}

/** Milliseconds of one order: until its answer, and from there to its row. */
interface Journey {
  readonly answer: number;
  readonly row: number;
}

const agent = new Agent({ keepAlive: true });

/** Posts the order to the service itself; returns the id in its Location. */
function post(url: URL, client: Client, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: client.authorization, 'content-type': 'application/json', 'content-length': body.length };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      if (response.statusCode === 422 && response.headers.location) resolve(response.headers.location.split('/').at(-1) ?? '');
      else reject(new Error(`POST ${url.href}: ${response.statusCode}`));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function place(url: URL, watch: RowWatch, client: Client, number: number): Promise<Journey> {
  const terms = { symbol: 'ACME', side: 'buy', type: 'limit', quantity: '10', limitPrice: '101.5', timeInForce: 'day' };
  const body = JSON.stringify({ accountId: client.account, clientOrderId: `bench-${number}`, ...terms });
  const asked = performance.now();
  const orderId = await post(url, client, body);
  const answered = performance.now();
  const seen = await watch.seen(orderId);
  return { answer: answered - asked, row: Math.max(0, seen - answered) };
}

let placed = 0;

/** Orders at fixed moments, without waiting for answers. */
async function load(url: URL, watch: RowWatch, clients: readonly Client[], perSecond: number): Promise<Journey[]> {
  const started = performance.now();
  const journeys: Promise<Journey>[] = [];
  for (let number = 0; number < perSecond * seconds; number += 1) {
    const wait = started + (number * 1000) / perSecond - performance.now();
    if (wait > 0) await sleep(wait);
    placed += 1;
    journeys.push(place(url, watch, clients[number % clients.length] as Client, placed));
  }
  return Promise.all(journeys);
}

/** People whose accounts are empty: each of their orders is stored and denied, so that no saga takes part. */
const makeClients = (world: World): Promise<Client[]> =>
  Promise.all(
    Array.from({ length: accounts }, async (_, index) => {
      const person = await world.person(`bench-${index}`);
      return { account: await person.openAccount('first'), authorization: person.authorization };
    }),
  );

/** The API that takes orders, without the gateway in front, which is a development proxy. */
const commandApi = ({ home }: World): URL =>
  new URL(`http://127.0.0.1:${fleetOf(home).find(({ service }) => service === 'command-api')?.port}/v1/orders`);

const figure = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;

const row = (what: string, values: number[]) => ({
  what,
  p50: figure(percentile(values, 0.5)),
  p99: figure(percentile(values, 0.99)),
});

const world = await startWorld();
const client = new pg.Client(world.databaseUrl);
await client.connect();
const watch = new RowWatch(client);
try {
  const [url, clients] = [commandApi(world), await makeClients(world)];
  await load(url, watch, clients, rate); // warm-up
  const quiet = await load(url, watch, clients, rate / 10);
  const before = services.map((service) => cpuTime(world.pidOf(service)));
  const journeys = await load(url, watch, clients, rate);
  const processes = services.map((service, index) => ({
    service,
    perOrder: (cpuTime(world.pidOf(service)) - (before[index] ?? 0)) / journeys.length,
    MB: weight(world.pidOf(service)),
  }));
  const rows = row(
    'answer -> row in the read model (ms)',
    journeys.map((each) => each.row),
  );
  const heaviest = Math.max(...processes.map(({ MB }) => MB));
  writeResults({
    name: 'order-to-row',
    method:
      `${rate} orders/s for ${seconds} s after a warm-up of the same length, ${accounts} accounts that nobody opened (each order is denied, so that no ` +
      'saga takes part), open loop, posted to command-api; clients, ' +
      'watcher, every service and every server on this machine. The watcher looks every 1 ms or slower, which the figures include.',
    machine: await machine(world.databaseUrl),
    rows: [
      row(
        'request -> answer (ms)',
        journeys.map((each) => each.answer),
      ),
      rows,
      row(
        `request -> answer at ${rate / 10} orders/s (ms)`,
        quiet.map((each) => each.answer),
      ),
      row(
        `answer -> row at ${rate / 10} orders/s (ms)`,
        quiet.map((each) => each.row),
      ),
      ...processes.map(({ service, perOrder }) => ({ what: `${service}, CPU an order (ms)`, p50: figure(perOrder), p99: '' })),
      ...processes.map(({ service, MB }) => ({ what: `${service}, resident after the run (MB)`, p50: MB, p99: '' })),
    ],
    targets: [
      { target: 'answer -> row p50 < 6 ms', found: `${rows.p50} ms`, reached: rows.p50 < 6 },
      { target: 'answer -> row p99 < 30 ms', found: `${rows.p99} ms`, reached: rows.p99 < 30 },
      { target: 'a service weighs <= 200 MB', found: `${heaviest} MB`, reached: heaviest <= 200 },
    ],
  });
} finally {
  await watch.stop();
  await client.end();
  await world.end();
  agent.destroy();
}
