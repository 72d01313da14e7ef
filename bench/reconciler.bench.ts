/**
 * Figure of the reconciler: what it costs beside a whole fleet at a steady rate, with its default windows, and how long
 * after a fault was planted its finding stands. `npm run bench -- reconciler [orders a second] [seconds]`
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createKafkaClient, type IncomingMessage } from '@tradecore/messaging';
import { setting, startWorldWith, type World } from '../e2e/world.ts';
import { machine, percentile, writeResults } from './harness.ts';
import { cpuTime, weight } from './processes.ts';

const rate = Number(process.argv[2] ?? 50);
const seconds = Number(process.argv[3] ?? 60);
const [warmUpSeconds, accounts, withinSeconds] = [20, 20, 60] as const;
/** Orders under way, at most. */
const backlog = 200;
const topic = 'transport.order-events';

/** A fault: plants it, and says by which subject its finding names it. */
type Plant = () => Promise<string>;

const sql = async (world: World, text: string, values: readonly unknown[] = []): Promise<string> => {
  const { rows } = await world.database.query<{ id: string }>(text, [...values]);
  return rows[0]?.id ?? '';
};

/** The faults that store and topics can have, planted under load. */
function plants(world: World): Readonly<Record<string, Plant>> {
  const kafka = () =>
    createKafkaClient({ brokers: setting('KAFKA_BROKERS').split(','), clientId: 'bench', namespace: world.namespace });
  const latest = `select event_id::text as id from event_store where event_type = 'OrderPlaced' and "timestamp" < now() - interval '2 s'
                   order by "timestamp" desc limit 1`;
  const produced = async (change: (record: IncomingMessage) => Record<string, string>): Promise<string> => {
    const client = kafka();
    try {
      const [end] = (await client.ends([{ topic, partition: 0 }])).map(({ endOffset }) => endOffset);
      let record: IncomingMessage | undefined;
      const [from, to] = [(end ?? 0n) > 50n ? (end ?? 0n) - 50n : 0n, end ?? 0n]; // the last offset is a transaction's marker
      await client.readStretch({ topic, partition: 0 }, { from, to }, (records) => void (record = records.at(-1)));
      if (!record) throw new Error(`${topic} is empty`);
      const headers = { ...(record.headers as Record<string, Buffer>), ...change(record) };
      const producer = await client.openTransactional({ transactionalId: 'bench', writer: 'relay' });
      const messages = [{ key: String(record.key), value: String(record.value), headers }];
      const position = { group: 'bench', positionTopic: 'system.relay-position', partition: 0, offset: 0n };
      await producer.send({ batches: [{ topic, messages }], ...position });
      await producer.discard();
      return String(headers['ce_id']);
    } finally {
      await client.close();
    }
  };
  return {
    'topics twice': () => produced(() => ({})),
    'topics foreign': () => produced(() => ({ ce_id: crypto.randomUUID() })),
    'topics lost': async () => {
      await world.database.query(`create table bench_lost (id uuid);
        create function bench_lose() returns trigger language plpgsql as $$ begin
          if new.topic <> '${topic}' or exists (select from public.bench_lost) then return new; end if;
          insert into public.bench_lost values (new.event_id);
          return null;
        end $$;
        create trigger bench_lose before insert on event_outbox for each row execute function bench_lose()`);
      await world.until('an event to be lost', async () => (await sql(world, 'select id::text from bench_lost')) !== '');
      await world.database.query('drop trigger bench_lose on event_outbox');
      return sql(world, 'select id::text from bench_lost');
    },
    'topics changed': async () => {
      const id = await sql(world, latest);
      await world.database.query(`alter table event_store disable trigger event_store_append_only;
        update event_store set event_data = event_data || '{"symbol": "GLOBEX"}' where event_id = '${id}';
        alter table event_store enable trigger event_store_append_only`);
      return id;
    },
    'models row': async () =>
      `order-projector ${await sql(
        world,
        `update order_projector.orders set filled_quantity = filled_quantity + 1
          where order_id = (select order_id from order_projector.orders where status = 'filled' order by created_at desc limit 1) returning order_id::text as id`,
      )}`,
  };
}

/** Seconds until the finding stands; undefined: not within the limit. A change after both sides were read shows in the chain. */
async function namedAfter(world: World, name: string, subject: string): Promise<number | undefined> {
  const [check = '', kind = ''] = name.split(' ');
  const planted = performance.now();
  const wanted = `select 'found' as id from reconciler.findings f where (f.check_name = $1 and f.kind = $2 and f.subject = $3)
    or ($2 = 'changed' and f.kind = 'changed' and f.subject = (select aggregate_id::text from event_store where event_id::text = $3))`;
  while (performance.now() - planted < withinSeconds * 2_000) {
    if ((await sql(world, wanted, [check, kind, subject])) !== '') return (performance.now() - planted) / 1000;
    await sleep(200);
  }
  return undefined;
}

/** Orders that trade at once, at fixed moments, until it is stopped. */
async function load(world: World, isOver: () => boolean): Promise<void> {
  const client = await world.person('bench');
  const operator = await world.operator();
  const ids = await Promise.all(Array.from({ length: accounts }, (_, index) => client.openAccount(`account-${index}`)));
  await Promise.all(ids.map((id) => operator.deposit(id, '100000000', 'first')));
  const terms = { symbol: 'ACME', side: 'buy', type: 'limit', quantity: '10', limitPrice: '105', timeInForce: 'day' } as const;
  const started = performance.now();
  const placed = new Set<Promise<unknown>>();
  for (let number = 0; !isOver(); number += 1) {
    const wait = started + (number * 1000) / rate - performance.now();
    if (wait > 0) await sleep(wait);
    if (placed.size > backlog) continue; // the machine is slower than the rate: what it did is in the figures
    const order: Promise<unknown> = client
      .place(ids[number % ids.length] ?? '', terms)
      .catch(() => undefined)
      .finally(() => placed.delete(order));
    placed.add(order);
  }
  await Promise.all(placed);
}

const world = await startWorldWith({ PAPER_PARTIAL_FILLS: '0', PAPER_WALK: 'off' });
let isOver = false;
const loading = load(world, () => isOver);
try {
  await sleep(warmUpSeconds * 1000);
  const events = async (): Promise<number> => Number(await sql(world, 'select count(*)::text as id from event_store'));
  const pid = world.pidOf('reconciler');
  const [cpuBefore, eventsBefore, began] = [cpuTime(pid), await events(), performance.now()];
  await sleep(seconds * 1000);
  const took = performance.now() - began;
  const share = Math.round((1000 * (cpuTime(pid) - cpuBefore)) / took) / 10;
  const perSecond = Math.round((1000 * ((await events()) - eventsBefore)) / took);
  const healthy = Number(await sql(world, 'select count(*)::text as id from reconciler.findings'));
  const named: { what: string; found: number | undefined }[] = [];
  for (const [what, plant] of Object.entries(plants(world)))
    named.push({ what, found: await namedAfter(world, what, await plant()) });
  const slowest = Math.max(...named.map(({ found }) => found ?? Infinity));
  const text = (found: number | undefined): string => (found === undefined ? 'not named' : found.toFixed(1));
  writeResults({
    name: 'reconciler',
    method:
      `${rate} orders/s that trade at once, in ${accounts} accounts, for ${seconds} s after a warm-up of ${warmUpSeconds} s, on a whole fleet with default ` +
      'windows; clients, services and servers on this machine. The load goes on while faults are planted one after the other.',
    machine: await machine(world.databaseUrl),
    rows: [
      { what: 'stored events a second', figure: perSecond },
      { what: "the reconciler's CPU (% of a core)", figure: share },
      { what: 'resident after the run (MB)', figure: weight(pid) },
      { what: 'findings before any fault was planted', figure: healthy },
      ...named.map(({ what, found }) => ({ what: `${what}: planted -> finding (s)`, figure: text(found) })),
      {
        what: 'median of these (s)',
        figure: percentile(
          named.flatMap(({ found }) => found ?? []),
          0.5,
        ).toFixed(1),
      },
    ],
    targets: [
      { target: 'a fault is named within 60 s', found: `${slowest.toFixed(1)} s`, reached: slowest < withinSeconds },
      { target: 'the reconciler takes < 5 % of a core', found: `${share} %`, reached: share < 5 },
      { target: 'a healthy fleet has no findings', found: String(healthy), reached: healthy === 0 },
    ],
  });
} finally {
  isOver = true;
  await loading.catch(() => undefined);
  await world.end();
}
process.exit(0);
