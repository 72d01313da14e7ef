/**
 * One measurement of `order-to-broker`, in a separate process: a fresh fleet of the named tree (this one, or the work
 * tree of an older revision), warmed up, then loaded at a rate. Prints one line of JSON. `node order-flow.run.ts TREE
 * RATE SECONDS`
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { brokerOrderIdFor } from '@tradecore/events';
import { WebSocket } from 'ws';
import type * as worlds from '../e2e/world.ts';
import { machine, percentile } from './harness.ts';
import { cpuTime, serverCpuTimes, weight } from './processes.ts';

type World = worlds.World;
type Client = Awaited<ReturnType<World['person']>>;

/** The results of one run: milliseconds, and per order. */
export interface Measured {
  readonly rate: number;
  /** Acknowledged, and refused: a full machine answers 503. */
  readonly orders: number;
  readonly refused: number;
  readonly answered: Figures;
  readonly atBrokerage: Figures;
  readonly ended: Figures;
  readonly fillToSocket: Figures;
  /** Stored events, relay batches and database transactions per order, less those of an idle fleet in that time. */
  readonly events: number;
  readonly batches: number;
  readonly transactions: number;
  /** CPU per order in milliseconds, by process; and resident memory in MB after the run. */
  readonly cpu: Readonly<Record<string, number>>;
  readonly memory: Readonly<Record<string, number>>;
  readonly machine: Readonly<Record<string, string>>;
}

/** Milliseconds. */
export interface Figures {
  readonly p50: number;
  readonly p99: number;
}

const accounts = 20;
const warmUpSeconds = 30;
const idleSeconds = 10;

/** Wall clock in milliseconds, finer than `Date.now()`: the paper broker uses this clock, in whole milliseconds. */
const now = (): number => performance.timeOrigin + performance.now();
const round = (value: number, places = 1): number => Number(value.toFixed(places));
const figures = (values: number[]): Figures => ({ p50: round(percentile(values, 0.5)), p99: round(percentile(values, 0.99)) });

interface Placed {
  readonly orderId: string;
  readonly requested: number;
  readonly answered: number;
}

/** Arrival times of executions at the client's socket, by id. */
async function watchExecutions(client: Client, ids: readonly string[]): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  const socket = new WebSocket(`${client.address.replace('http', 'ws')}/v1/stream`, {
    headers: { authorization: client.authorization },
  });
  let subscribed = 0;
  socket.on('open', () => ids.forEach((accountId) => socket.send(JSON.stringify({ type: 'subscribe', accountId }))));
  socket.on('message', (text) => {
    const at = now();
    const { type, change, data } = JSON.parse(String(text)) as { type: string; change?: string; data?: Record<string, string> };
    if (type === 'subscribed') subscribed += 1;
    const executionId = data?.['brokerageExecutionId'] ?? data?.['venueExecutionId'];
    if (change === 'execution' && executionId !== undefined) seen.set(executionId, at);
  });
  while (subscribed < ids.length) await sleep(10);
  return seen;
}

/** Orders that trade at once, sent at fixed moments, without waiting for answers; those that were acknowledged. */
async function load(client: Client, ids: readonly string[], count: number, rate: number): Promise<Placed[]> {
  const started = performance.now();
  const terms = { symbol: 'ACME', side: 'buy', type: 'limit', quantity: '10', limitPrice: '105', timeInForce: 'day' } as const;
  const sent: Promise<Placed | undefined>[] = [];
  for (let number = 0; number < count; number += 1) {
    const wait = started + (number * 1000) / rate - performance.now();
    if (wait > 0) await sleep(wait);
    const requested = now();
    const order = client.place(ids[number % ids.length] ?? '', terms);
    sent.push(order.then(({ id: orderId }) => ({ orderId, requested, answered: now() }), refused));
  }
  return (await Promise.all(sent)).filter((placed) => placed !== undefined);
}

function refused(error: unknown): undefined {
  process.stderr.write(`refused: ${String(error)}\n`);
}

/** When the brokerage accepted each order. */
async function takenAt(world: World, placed: readonly Placed[]): Promise<Map<string, number>> {
  const paper = world.paper();
  const taken = new Map<string, number>();
  for (const { orderId } of placed) {
    const path = `/v2/orders:by_client_order_id?client_order_id=${brokerOrderIdFor(orderId, 1)}`;
    const { submitted_at: at } = await paper.ask<{ submitted_at: string }>('GET', path);
    taken.set(orderId, Date.parse(at));
  }
  return taken;
}

/** When the brokerage traded, by its execution's id. */
async function tradedAt(world: World): Promise<Map<string, number>> {
  const traded = new Map<string, number>();
  let token: string | undefined;
  for (;;) {
    const query = new URLSearchParams({ direction: 'asc', page_size: '100', ...(token && { page_token: token }) });
    const page = await world
      .paper()
      .ask<{ id: string; transaction_time: string }[]>('GET', `/v2/account/activities/FILL?${query}`);
    for (const { id, transaction_time: at } of page) traded.set(id.split('::').at(-1) ?? '', Date.parse(at));
    token = page.at(-1)?.id;
    if (page.length < 100) return traded;
  }
}

/** When each order's placement ended: its money is booked. */
async function endedAt({ database }: World): Promise<Map<string, number>> {
  const { rows } = await database.query<{ order_id: string; at: number }>(
    `select o.aggregate_id as order_id, extract(epoch from e."timestamp") * 1000 as at
       from event_store o join event_store e on e.event_type = 'PlacementEnded' and e.correlation_id = o.correlation_id
      where o.event_type = 'OrderPlaced'`,
  );
  return new Map(rows.map(({ order_id: id, at }) => [id, Number(at)]));
}

/** Nothing rests: every sent order has traded and is booked. */
async function isAtRest({ database }: World): Promise<boolean> {
  const { rows } = await database.query<{ open: string }>(
    `select count(*) filter (where event_type = 'OrderPlaced') - count(*) filter (where event_type = 'PlacementEnded') as open
       from event_store where event_type in ('OrderPlaced', 'PlacementEnded')`,
  );
  return Number(rows[0]?.open) === 0;
}

/** The servers' counters so far. PostgreSQL's backends report their transactions within a second of being idle. */
async function counted({ database }: World) {
  await sleep(1_500);
  const { rows } = await database.query<Record<'events' | 'batches' | 'transactions', string>>(
    `select (select count(*) from event_store) as events, (select coalesce(max(batch), 0) from outbox_batch) as batches,
            (select xact_commit + xact_rollback from pg_stat_database where datname = current_database()) as transactions`,
  );
  const { events, batches, transactions } = rows[0] as Record<'events' | 'batches' | 'transactions', string>;
  return { events: Number(events), batches: Number(batches), transactions: Number(transactions), at: performance.now() };
}

type Counts = Awaited<ReturnType<typeof counted>>;

function perOrder(
  what: 'batches' | 'transactions',
  orders: number,
  idle: readonly [Counts, Counts],
  run: readonly [Counts, Counts],
) {
  const rate = (idle[1][what] - idle[0][what]) / (idle[1].at - idle[0].at);
  return round((run[1][what] - run[0][what] - rate * (run[1].at - run[0].at)) / orders);
}

const [tree = '', rate = 10, seconds = 30] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const { fleetOf, startWorldWith } = (await import(`${tree}/e2e/world.ts`)) as typeof worlds;
const world = await startWorldWith({ PAPER_PARTIAL_FILLS: '0', PAPER_WALK: 'off' });
try {
  const client = await world.person('bench');
  const ids = await Promise.all(Array.from({ length: accounts }, (_, index) => client.openAccount(`account-${index}`)));
  // Older trees, with which this one is compared, have no operator: there the client deposits.
  const operator = (await (world as Partial<World>).operator?.()) ?? client;
  await Promise.all(ids.map((id) => operator.deposit(id, '100000000', 'first')));
  const seen = await watchExecutions(client, ids);
  await load(client, ids, rate * warmUpSeconds, rate);
  await world.until('the warm-up to be over', () => isAtRest(world), 300_000);
  await sleep(3_000);
  seen.clear();
  const names = fleetOf(world.home).map(({ name }) => name);
  const cpuTimes = async (): Promise<Record<string, number>> => ({
    ...Object.fromEntries(names.map((name) => [name, cpuTime(world.pidOf(name))])),
    ...(await serverCpuTimes(world.database)),
  });
  const resting = await counted(world);
  await sleep(idleSeconds * 1000);
  const begun = await counted(world);
  const cpuBefore = await cpuTimes();
  const placed = await load(client, ids, rate * seconds, rate);
  await world.until('every order to end', () => isAtRest(world), 300_000);
  const cpuAfter = await cpuTimes();
  const done = await counted(world);
  const [taken, traded, ended] = [await takenAt(world, placed), await tradedAt(world), await endedAt(world)];
  const since = (from: number, to: number | undefined): number[] => (to === undefined ? [] : [Math.max(0, to - from)]);
  const measured: Measured = {
    rate,
    orders: placed.length,
    refused: rate * seconds - placed.length,
    answered: figures(placed.map(({ requested, answered }) => answered - requested)),
    atBrokerage: figures(placed.flatMap(({ orderId, answered }) => since(answered, taken.get(orderId)))),
    ended: figures(placed.flatMap(({ orderId, answered }) => since(answered, ended.get(orderId)))),
    fillToSocket: figures([...seen].flatMap(([id, at]) => since(traded.get(id) ?? at, at))),
    events: round((done.events - begun.events) / placed.length),
    batches: perOrder('batches', placed.length, [resting, begun], [begun, done]),
    transactions: perOrder('transactions', placed.length, [resting, begun], [begun, done]),
    cpu: Object.fromEntries(
      Object.keys(cpuAfter).map((name) => [name, round(((cpuAfter[name] ?? 0) - (cpuBefore[name] ?? 0)) / placed.length, 2)]),
    ),
    memory: Object.fromEntries(names.map((name) => [name, weight(world.pidOf(name))])),
    machine: await machine(world.databaseUrl),
  };
  console.log(JSON.stringify(measured));
} finally {
  await world.end();
}
process.exit(0);
