/**
 * From the client's 201 until the brokerage has the order (one hop: the step that the door stored, to the gateway), and from the brokerage's fill
 * to the client's WebSocket, on a whole fleet with its paper broker. `npm run bench -- order-to-broker [orders a second] [seconds]`
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { brokerOrderIdFor } from '@tradecore/events';
import { WebSocket } from 'ws';
import type { Client } from '@tradecore/local/demo/client.ts';
import type { Paper } from '@tradecore/local/demo/paper.ts';
import { fleetOf, startWorldWith, type World } from '../e2e/world.ts';
import { machine, percentile, writeResults } from './harness.ts';
import { cpuTime, weight } from './processes.ts';

const rate = Number(process.argv[2] ?? 50);
const seconds = Number(process.argv[3] ?? 30);
const accounts = 20;

/** Wall clock in milliseconds, finer than `Date.now()`: the broker's times are of this clock, in whole milliseconds. */
const now = (): number => performance.timeOrigin + performance.now();

/** One order of the run. */
interface Placed {
  readonly orderId: string;
  readonly asked: number;
  readonly answered: number;
}

/** When executions arrived at the client's socket, by their id. */
async function watchExecutions(client: Client, ids: readonly string[]): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  const socket = new WebSocket(`${client.address.replace('http', 'ws')}/v1/stream`, {
    headers: { authorization: client.authorization },
  });
  let subscribed = 0;
  socket.on('open', () => ids.forEach((accountId) => socket.send(JSON.stringify({ type: 'subscribe', accountId }))));
  socket.on('message', (text) => {
    const at = now();
    const { type, change, data } = JSON.parse(String(text)) as {
      type: string;
      change?: string;
      data?: { brokerageExecutionId?: string };
    };
    if (type === 'subscribed') subscribed += 1;
    if (change === 'execution' && data?.brokerageExecutionId !== undefined) seen.set(data.brokerageExecutionId, at);
  });
  while (subscribed < ids.length) await sleep(10);
  return seen;
}

/** Orders that trade at once, at fixed moments, whatever the answers do. */
async function load(client: Client, ids: readonly string[], count: number): Promise<Placed[]> {
  const started = performance.now();
  const terms = { symbol: 'ACME', side: 'buy', type: 'limit', quantity: '10', limitPrice: '105', timeInForce: 'day' } as const;
  const placed: Promise<Placed>[] = [];
  for (let number = 0; number < count; number += 1) {
    const wait = started + (number * 1000) / rate - performance.now();
    if (wait > 0) await sleep(wait);
    const asked = now();
    const order = client.place(ids[number % ids.length] ?? '', terms);
    placed.push(order.then(({ id: orderId }) => ({ orderId, asked, answered: now() })));
  }
  return Promise.all(placed);
}

/** When the broker took each order, by its name there. */
async function takenByBroker(paper: Paper, placed: readonly Placed[]): Promise<Map<string, number>> {
  const taken = new Map<string, number>();
  for (const { orderId } of placed) {
    const name = brokerOrderIdFor(orderId, 1);
    const path = `/v2/orders:by_client_order_id?client_order_id=${name}`;
    const { submitted_at: at } = await paper.ask<{ submitted_at: string }>('GET', path);
    taken.set(orderId, Date.parse(at));
  }
  return taken;
}

/** When the broker traded, by its execution's id. */
async function tradedAtBroker(paper: Paper): Promise<Map<string, number>> {
  const traded = new Map<string, number>();
  let token: string | undefined;
  for (;;) {
    const query = new URLSearchParams({ direction: 'asc', page_size: '100', ...(token && { page_token: token }) });
    const page = await paper.ask<{ id: string; transaction_time: string }[]>('GET', `/v2/account/activities/FILL?${query}`);
    for (const { id, transaction_time: at } of page) traded.set(id.split('::').at(-1) ?? '', Date.parse(at));
    token = page.at(-1)?.id;
    if (page.length < 100) return traded;
  }
}

/** Nothing rests: what was sent has traded and is booked. */
const atRest = async ({ database }: World): Promise<boolean> => {
  const { rows } = await database.query<{ open: number }>(
    `select count(*) filter (where event_type = 'OrderApproved') - count(*) filter (where event_type = 'PlacementEnded') as open from event_store`,
  );
  return Number(rows[0]?.open) === 0;
};

const figure = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;
const row = (what: string, values: number[]) => ({
  what,
  p50: figure(percentile(values, 0.5)),
  p99: figure(percentile(values, 0.99)),
});
/** The paper broker's clock has whole milliseconds: what it took within the millisecond of the answer counts as 0. */
const since = (from: number, to: number | undefined): number[] => (to === undefined ? [] : [Math.max(0, to - from)]);

const world = await startWorldWith({ PAPER_PARTIAL_FILLS: '0', PAPER_WALK: 'off' });
try {
  const client = await world.person('bench');
  const ids = await Promise.all(Array.from({ length: accounts }, (_, index) => client.openAccount(`account-${index}`)));
  await Promise.all(ids.map((id) => client.deposit(id, '100000000', 'first')));
  const seen = await watchExecutions(client, ids);
  await load(client, ids, rate * Math.min(seconds, 15)); // warm-up
  await world.until('the warm-up to be over', () => atRest(world), 60_000);
  seen.clear();
  const names = fleetOf(world.home).map(({ name }) => name);
  const before = new Map(names.map((name) => [name, cpuTime(world.pidOf(name))]));
  const placed = await load(client, ids, rate * seconds);
  await world.until('every order to be booked', () => atRest(world), 120_000);
  const processes = names.map((name) => ({
    name,
    perOrder: (cpuTime(world.pidOf(name)) - (before.get(name) ?? 0)) / placed.length,
    MB: weight(world.pidOf(name)),
  }));
  const taken = await takenByBroker(world.paper(), placed);
  const traded = await tradedAtBroker(world.paper());
  const toBroker = row(
    '201 -> the broker has it (ms)',
    placed.flatMap(({ orderId, answered }) => since(answered, taken.get(orderId))),
  );
  const toSocket = row(
    'fill at the broker -> WebSocket (ms)',
    [...seen].flatMap(([id, at]) => since(traded.get(id) ?? at, at)),
  );
  const all = processes.reduce((sum, { perOrder }) => sum + perOrder, 0);
  writeResults({
    name: 'order-to-broker',
    method:
      `${rate} orders/s for ${seconds} s after a warm-up, ${accounts} accounts, limit orders that trade at once, open loop, through the one address of npm ` +
      'start; one socket follows all accounts. Client, every service, the paper broker and every server on this machine; the broker writes its times in whole milliseconds.',
    machine: await machine(world.databaseUrl),
    rows: [
      row(
        'request -> 201 (ms)',
        placed.map(({ asked, answered }) => answered - asked),
      ),
      toBroker,
      toSocket,
      { what: 'CPU an order, all services (ms)', p50: figure(all), p99: '' },
      ...processes.map(({ name, perOrder }) => ({ what: `${name}, CPU an order (ms)`, p50: figure(perOrder), p99: '' })),
      ...processes.map(({ name, MB }) => ({ what: `${name}, resident after the run (MB)`, p50: MB, p99: '' })),
    ],
    targets: [
      { target: '201 -> broker has it p50 < 45 ms', found: `${toBroker.p50} ms`, reached: toBroker.p50 < 45 },
      { target: '201 -> broker has it p99 < 150 ms', found: `${toBroker.p99} ms`, reached: toBroker.p99 < 150 },
      { target: 'fill -> WebSocket p50 < 15 ms', found: `${toSocket.p50} ms`, reached: toSocket.p50 < 15 },
      { target: 'fill -> WebSocket p99 < 60 ms', found: `${toSocket.p99} ms`, reached: toSocket.p99 < 60 },
    ],
  });
} finally {
  await world.end();
}
process.exit(0);
