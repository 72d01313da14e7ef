import { freshId } from '@tradecore/events';
import type { RunningService } from '@tradecore/service';
import { startTestService } from '@tradecore/service/testing';
import pg from 'pg';
import { append, compareTopicWithStore, createWorld, drained, until, type World } from '../test/world.ts';
import { outboxRelay } from './outbox-relay.module.ts';

let world: World;
const running: RunningService[] = [];

beforeAll(async () => {
  world = await createWorld();
}, 60_000);
afterAll(async () => {
  await Promise.all(running.map((service) => service.stop()));
  await world.close();
}, 60_000);

async function start(): Promise<RunningService> {
  const service = await startTestService(outboxRelay, {
    DATABASE_URL: world.database.urlFor('outbox-relay'),
    KAFKA_BROKERS: world.kafka.brokers.join(),
    NAMESPACE: world.kafka.namespace,
  });
  running.push(service);
  return service;
}

interface Readiness {
  readonly status: number;
  /** The state of each check, by name. */
  readonly states: Readonly<Record<string, string>>;
}

async function readiness({ adminUrl }: RunningService): Promise<Readiness> {
  const response = await fetch(`${adminUrl}/health/ready`);
  const { checks } = (await response.json()) as { checks: { name: string; state: string }[] };
  return { status: response.status, states: Object.fromEntries(checks.map(({ name, state }) => [name, state])) };
}

const isReadyAs = (service: RunningService, state: string) => async (): Promise<boolean> => {
  const { status, states } = await readiness(service);
  return status === 200 && states['relay'] === state;
};

async function metric({ adminUrl }: RunningService, name: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1]);
}

describe('the outbox-relay as a service', () => {
  it('is ready when it leads and when it stands by; the one standing by takes over', async () => {
    const first = await start();
    await until('the first leads', isReadyAs(first, 'leading'));
    const second = await start();
    await until('the second stands by', isReadyAs(second, 'standing-by'));
    running.splice(running.indexOf(first), 1);
    await first.stop();
    await until('the second leads', isReadyAs(second, 'leading'));
  }, 60_000);

  it('publishes what is stored, counts it, and reports its backlog', async () => {
    const service = running[0]!;
    const before = await metric(service, 'tradecore_relay_events_total');
    const client = new pg.Client(world.database.urlFor('command-api'));
    await client.connect();
    try {
      expect(await append(client, [{ id: freshId(), expected: 0, events: 3 }])).toBe('stored');
    } finally {
      await client.end();
    }
    await drained(world.database);
    expect((await metric(service, 'tradecore_relay_events_total')) - before).toBe(3);
    expect(await metric(service, 'tradecore_relay_lease_owner')).toBe(1);
    await until(
      'an empty backlog',
      async () => (await readiness(service)).states['backlog'] === '0 events, the oldest is 0.0 s old',
    );
    const { lost, twice, outOfOrder } = await compareTopicWithStore(world.kafka, world.database);
    expect({ lost, twice, outOfOrder }).toEqual({ lost: [], twice: [], outOfOrder: [] });
  }, 60_000);

  it('is not ready while halted, and says why', async () => {
    const service = running[0]!;
    const why = 'the store and the broker do not agree';
    await world.database.dataSource.query(
      `update outbox_relay set halted_at = clock_timestamp(), halted_reason = $1, owner = null where shard = 0`,
      [JSON.stringify({ why, batch: '7', position: '9' })],
    );
    await until('503', async () => (await readiness(service)).status === 503);
    await until('the reason', async () => (await readiness(service)).states['relay']?.includes(why) ?? false);
    expect(await metric(service, 'tradecore_relay_halted')).toBe(1);
    expect((await fetch(`${service.adminUrl}/health/live`)).status).toBe(200);
  }, 60_000);
});
