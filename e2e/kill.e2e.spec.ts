import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createEventStore } from '@tradecore/event-sourcing';
import { catalogue, type RecordedEvent } from '@tradecore/events';
import { orderFrom, orderResponseOf, type OrderPageResponse, type OrderResponse } from '@tradecore/read-models';
import { DataSource } from 'typeorm';
import { HttpLoad, saveInBulk } from './load.ts';
import { StreamClient } from './stream-client.ts';
import { readTopic } from './topic.ts';
import { startWorld, type World } from './world.ts';

const services = ['outbox-relay', 'command-api', 'order-projector', 'feed-projector', 'query-api', 'outbox-relay'];

describe('kill -9 of each service in turn, under load', () => {
  let world: World;
  let account: string;
  let authorization: string;
  let load: HttpLoad;
  let stream: StreamClient;
  let stored: RecordedEvent[];

  beforeAll(async () => {
    world = await startWorld();
    account = randomUUID();
    authorization = `Bearer ${await world.token(account)}`;
    stream = new StreamClient(world.address, account, authorization);
    await stream.subscribed;
    load = new HttpLoad(world.address, account, authorization, 4);
    let isOver = false;
    const bulk = saveInBulk(loginOf(world, 'command-api'), account, () => isOver);
    for (const service of services) await killUnderLoad(world, load, service);
    isOver = true;
    await Promise.all([load.stop(), bulk]);
    stored = await readStore(world.databaseUrl);
  }, 300_000);

  afterAll(async () => {
    stream.close();
    await world.end();
  }, 90_000);

  it('loses no acknowledged order, and answers nothing unexpected', () => {
    const placed = new Set(stored.filter(({ type }) => type === 'OrderPlaced').map(({ aggregateId }) => aggregateId));
    expect(load.acknowledged.length).toBeGreaterThan(100);
    expect(load.acknowledged.filter((id) => !placed.has(id))).toEqual([]);
    expect(load.surprises).toEqual([]);
  });

  it('puts every stored event on the topic exactly once, in order per aggregate', async () => {
    const topic = 'transport.order-events';
    await world.until(
      'the topic to be complete',
      async () => (await readTopic(world.namespace, topic)).length >= stored.length,
      60_000,
    );
    const records = await readTopic(world.namespace, topic);
    expect(records.map(({ id }) => id).sort()).toEqual(stored.map(({ id }) => id).sort());
    const seen = new Map<string, number>();
    const outOfOrder = records.filter(({ key, version }) => {
      const before = seen.get(key) ?? 0;
      seen.set(key, version);
      return version !== before + 1;
    });
    expect(outOfOrder).toEqual([]);
  }, 90_000);

  it('leaves a read model that is the fold of the store', async () => {
    const histories = Map.groupBy(stored, ({ aggregateId }) => aggregateId);
    const expected = [...histories.values()].flatMap((history) => orderFrom(history) ?? []).map(orderResponseOf);
    let orders: OrderResponse[] = [];
    await world.until(
      'the read model to have every change',
      async () => {
        orders = await readOrders(world.address, account, authorization);
        return orders.reduce((sum, { version }) => sum + version, 0) === stored.length;
      },
      60_000,
    );
    const byId = (a: OrderResponse, b: OrderResponse) => (a.id < b.id ? -1 : 1);
    expect(orders.sort(byId)).toEqual(expected.sort(byId));
  }, 90_000);

  it('shows a client that reconnects each change exactly once, without a gap', async () => {
    await world.until('the stream to be complete', () => stream.entries.length >= stored.length, 60_000);
    expect(stream.entries.map(({ sequence }) => sequence)).toEqual(stored.map((_, index) => index + 1));
    expect(stream.entries.map(({ eventId }) => eventId).sort()).toEqual(stored.map(({ id }) => id).sort());
    expect(stream.resyncs).toEqual([]);
  }, 90_000);
});

/** Kills the service once some more orders are in, and waits until the runner has brought it back. */
async function killUnderLoad(world: World, load: HttpLoad, service: string): Promise<void> {
  const before = load.acknowledged.length;
  await world.until(`orders before ${service} is killed`, () => load.acknowledged.length >= before + 20, 60_000);
  const pid = world.pidOf(service);
  process.kill(pid, 'SIGKILL');
  await world.until(`${service} to be ready again`, () => isReadyAgain(world, service, pid), 90_000);
}

async function isReadyAgain(world: World, service: string, killed: number): Promise<boolean> {
  try {
    if (world.pidOf(service) === killed) return false;
    const { services: running } = JSON.parse(readFileSync(join(world.home, 'run', 'fleet.json'), 'utf8')) as {
      services: { name: string; adminPort: number }[];
    };
    const port = running.find(({ name }) => name === service)?.adminPort;
    return (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok;
  } catch {
    return false;
  }
}

function loginOf(world: World, service: string): string {
  const url = new URL(world.databaseUrl);
  url.username = `${world.namespace}_${service.replaceAll('-', '_')}`;
  url.password = readFileSync(join(world.home, 'secrets', 'roles', service), 'utf8');
  return url.href;
}

async function readStore(url: string): Promise<RecordedEvent[]> {
  const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
  const store = createEventStore({ dataSource, catalogue });
  const events: RecordedEvent[] = [];
  for await (const batch of store.readAll()) events.push(...batch);
  await store.close();
  await dataSource.destroy();
  return events;
}

async function readOrders(address: string, accountId: string, authorization: string): Promise<OrderResponse[]> {
  const orders: OrderResponse[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ accountId, limit: '500', ...(cursor && { cursor }) });
    const response = await fetch(`${address}/v1/orders?${query}`, { headers: { authorization } });
    const page = (await response.json()) as OrderPageResponse;
    orders.push(...page.orders);
    cursor = page.nextCursor;
  } while (cursor);
  return orders;
}
