/**
 * Saga throughput: orders that were approved lie on the topic; first the saga alone begins them all, then accounts, orders and a broker that fills at
 * once answer, until every saga has ended. Saga, participants, relay, PostgreSQL and Kafka share the machine. `npm run bench -- saga [orders]`
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createEventStore } from '@tradecore/event-sourcing';
import { createTestDatabase } from '@tradecore/event-sourcing/testing';
import { catalogue, freshId, orderIdFor, topics } from '@tradecore/events';
import { createTestKafka } from '@tradecore/messaging/testing';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { runInContext } from '@tradecore/telemetry';
import { Account, Order } from '@tradecore/trading';
import { machine, writeResults, type Row } from './harness.ts';

const orders = Number(process.argv[2] ?? 5_000);
const accounts = 20;
const adminPort = 19_084;

/** What a process of the bench says of itself. */
interface Profile {
  readonly cpu: NodeJS.CpuUsage;
  readonly batches: number;
  readonly records: number;
  readonly parts: Record<string, number>;
}

const database = await createTestDatabase({ migrations: runtimeMigrations });
const declarations = [
  ...[topics.orderEvents, topics.accountEvents, topics.brokerEvents, topics.orderPlacement],
  ...[topics.deadLetters, topics.relayPosition],
];
const test = await createTestKafka({ declarations, partitions: topics.orderEvents.partitions });
const children: ChildProcess[] = [];
const env = {
  ...process.env,
  KAFKA_BROKERS: test.brokers.join(','),
  NAMESPACE: test.namespace,
  LOG_LEVEL: 'warn',
  ...Object.fromEntries(['order-saga', 'command-api', 'broker-gateway'].map((service) => [service, database.urlFor(service)])),
};

const count = async (sql: string): Promise<number> =>
  ((await database.dataSource.query(`select count(*)::int as n from ${sql}`)) as { n: number }[])[0]?.n ?? 0;

/** Seconds until it is so; looks seldom and at small tables, for looking costs the CPU that is measured. */
async function until(isSo: () => Promise<boolean>): Promise<number> {
  const started = performance.now();
  while (!(await isSo())) await sleep(100);
  return (performance.now() - started) / 1000;
}

const openSagas = (): Promise<number> => count('order_saga.open_sagas');

async function startRelay(): Promise<ChildProcess> {
  const main = fileURLToPath(new URL('../services/outbox-relay/dist/main.js', import.meta.url));
  const relayEnv = { ...env, DATABASE_URL: database.urlFor('outbox-relay'), ADMIN_PORT: String(adminPort) };
  const child = spawn(process.execPath, [main], { env: relayEnv, stdio: 'inherit' });
  children.push(child);
  await until(async () => (await count('event_outbox')) === 0);
  return child;
}

async function start(role: 'saga' | 'participants'): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('saga-process.ts', import.meta.url)), [role], { env });
  children.push(child);
  await once(child, 'message');
  return child;
}

async function ask(child: ChildProcess): Promise<Profile> {
  const answer = once(child, 'message') as Promise<[Profile]>;
  child.send('profile');
  return (await answer)[0];
}

/** Funded accounts and approved orders of theirs, as command-api stores them. */
async function placeOrders(): Promise<void> {
  const dataSource = await database.dataSourceFor('command-api');
  const store = createEventStore({ dataSource, catalogue });
  const save = (account: string, aggregate: Account | Order) =>
    runInContext({ correlationId: freshId(), account }, () => store.saveAggregate(aggregate));
  const ids = Array.from({ length: accounts }, () => freshId());
  for (const id of ids) {
    const account = new Account(id);
    account.open({ owner: 'bench', currency: 'USD' });
    account.deposit('1000000000');
    await save(id, account);
  }
  const place = (n: number) => {
    const accountId = ids[n % accounts] as string;
    const terms = { symbol: 'ACME', side: 'buy', type: 'limit', quantity: '10', limitPrice: '100', timeInForce: 'day' } as const;
    const order = new Order(orderIdFor(accountId, `bench-${n}`));
    order.place({ accountId, clientOrderId: `bench-${n}`, ...terms });
    order.approve({ accountId, ...terms, reservePrice: '100' });
    return save(accountId, order);
  };
  for (let from = 0; from < orders; from += 500) {
    await Promise.all(Array.from({ length: Math.min(500, orders - from) }, (_, n) => place(from + n)));
  }
  await store.close();
}

/** CPU seconds of processes, by their command line and id. */
function cpuOf(isMeant: (command: string, pid: string) => boolean): number {
  let ticks = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!isMeant(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), pid)) continue;
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has ended meanwhile.
    }
  }
  return ticks / 100;
}

const cpuNow = (relay: ChildProcess) => ({
  PostgreSQL: cpuOf((command) => command.startsWith('postgres:') && command.includes(database.name)),
  Kafka: cpuOf((command) => command.includes('kafka.Kafka')),
  relay: cpuOf((_, pid) => Number(pid) === relay.pid),
});

const seconds = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1e6;
const perOrder = (cpuSeconds: number): string => `${((cpuSeconds * 1000) / orders).toFixed(2)} ms`;

/** Where the time of the saga's batches went, the largest first. */
function shares({ batches, records, parts }: Profile, before: Profile): Row[] {
  const spent = Object.entries(parts).map(([part, ms]): [string, number] => [part, ms - (before.parts[part] ?? 0)]);
  const all = spent.reduce((sum, [, ms]) => sum + ms, 0);
  const perBatch = (records - before.records) / (batches - before.batches);
  return [
    { what: 'records a batch of the saga', found: perBatch.toFixed(1) },
    ...spent
      .sort(([, a], [, b]) => b - a)
      .map(([part, ms]) => ({ what: `time of its batches in ${part}`, found: `${Math.round((ms / all) * 100)} %` })),
  ];
}

try {
  await placeOrders();
  const relay = await startRelay();
  const saga = await start('saga');
  const beginning = await until(async () => (await openSagas()) === orders);
  const [begun, before] = [await ask(saga), cpuNow(relay)];
  const participants = await start('participants');
  const living = await until(async () => (await openSagas()) === 0);
  const [lived, answered, after] = [await ask(saga), await ask(participants), cpuNow(relay)];
  const events = await count('event_store');
  const rate = Math.round(orders / living);
  writeResults({
    name: 'saga',
    method:
      `${orders} approved limit orders on ${accounts} accounts; the saga alone begins them, then participants answer: reserve, submit, fill at once, settle, ` +
      `release; ${(events / orders).toFixed(0)} events an order. Joining the groups is in the times. Everything on this machine.`,
    machine: await machine(database.url),
    rows: [
      { what: 'sagas begun a second, alone', found: Math.round(orders / beginning) },
      { what: 'orders from begun to ended a second, all together', found: rate },
      { what: 'events stored, published and heard a second', found: Math.round((events - 4 * orders) / living) },
      { what: 'CPU an order, saga', found: perOrder(seconds(lived.cpu) - seconds(begun.cpu)) },
      { what: 'CPU an order, accounts, orders and broker', found: perOrder(seconds(answered.cpu)) },
      { what: 'CPU an order, relay', found: perOrder(after.relay - before.relay) },
      { what: 'CPU an order, PostgreSQL', found: perOrder(after.PostgreSQL - before.PostgreSQL) },
      { what: 'CPU an order, Kafka', found: perOrder(after.Kafka - before.Kafka) },
      ...shares(lived, begun),
    ],
    targets: [{ target: 'orders from begun to ended >= 200/s', found: String(rate), reached: rate >= 200 }],
  });
} finally {
  for (const child of children) child.kill('SIGKILL');
  await test.drop();
  await database.drop();
}
