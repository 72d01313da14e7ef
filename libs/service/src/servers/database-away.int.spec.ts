import { Controller, Get, Inject, Module } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import { createTestDatabase, CuttingProxy, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { freshId } from '@tradecore/events';
import { heartbeat } from '@tradecore/telemetry';
import { DataSource } from 'typeorm';
import { Public, type Problem, type RunningService } from '../index.ts';
import { createTestIssuer, startTestService, type TestIssuer } from '../testing.ts';

@Controller()
class Door {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(EventStore) private readonly store: EventStore,
  ) {}
  @Public()
  @Get('rows')
  rows(): Promise<unknown> {
    return this.db.query('select 1 as one');
  }
  @Public()
  @Get('transaction')
  transaction(): Promise<unknown> {
    return this.db.transaction((tx) => tx.query('select 1 as one'));
  }
  @Public()
  @Get('events')
  events(): Promise<unknown> {
    return this.store.readEvents(freshId());
  }
  @Public()
  @Get('slow')
  slow(): Promise<unknown> {
    return this.db.query('select pg_sleep(60)');
  }
  @Public()
  @Get('write')
  write(): Promise<unknown> {
    return this.db.query('update outbox_relay set owner = owner');
  }
  @Public()
  @Get('bug')
  bug(): Promise<unknown> {
    return this.db.query('select nothing');
  }
}

@Module({ controllers: [Door] })
class DoorModule {}

let database: TestDatabase;
let way: CuttingProxy;
let issuer: TestIssuer;
let service: RunningService;

beforeAll(async () => {
  [database, issuer] = await Promise.all([createTestDatabase(), createTestIssuer()]);
  way = await CuttingProxy.before(database.url);
  const env = { ...issuer.env, DATABASE_URL: way.urlFor(database.url), DATABASE_STATEMENT_TIMEOUT: '500', LOG_LEVEL: 'fatal' };
  service = await startTestService({ name: 'away', module: DoorModule, http: true }, env);
});
afterAll(async () => {
  await service.stop();
  await Promise.all([way.close(), issuer.close()]);
  await database.drop();
});

const ask = (path: string) => fetch(`${service.url}/${path}`);
const expectUnavailable = async (response: Response) => {
  const { type } = (await response.json()) as Problem;
  expect([response.status, type]).toEqual([503, 'https://tradecore.dev/problems/database-unavailable']);
  expect(response.headers.get('retry-after')).toBe('1');
};

describe('while PostgreSQL is unavailable', () => {
  it('a request gets 503 with a retry time, not 500; the service is live but not ready, and recovers afterwards', async () => {
    const paths = ['rows', 'transaction', 'events'];
    for (const path of paths) expect((await ask(path)).status).toBe(200);
    const underWay = ask('slow');
    await new Promise<void>((resolve) => setImmediate(resolve));
    way.refusing = true;
    way.breakAll();
    await expectUnavailable(await underWay);
    for (const path of paths) await expectUnavailable(await ask(path));
    expect((await fetch(`${service.adminUrl}/health/live`)).status).toBe(200);
    expect((await fetch(`${service.adminUrl}/health/ready`)).status).toBe(503);
    way.refusing = false;
    for (const path of paths) expect((await ask(path)).status).toBe(200);
    expect((await fetch(`${service.adminUrl}/health/ready`)).status).toBe(200);
  });

  it('so does a request whose statement the server cancelled; a wrong statement gets 500', async () => {
    await expectUnavailable(await ask('slow'));
    expect((await ask('bug')).status).toBe(500);
  });

  it('so does one whose sessions are on a read-only node, until they are replaced', async () => {
    const demote = async (isOn: 'on' | 'off'): Promise<void> => {
      await database.dataSource.query(`alter database "${database.name}" set default_transaction_read_only = ${isOn}`);
    };
    const askFive = () => Promise.all(Array.from({ length: 5 }, () => ask('write')));
    await demote('on');
    way.breakAll();
    await Promise.all(Array.from({ length: 5 }, () => ask('rows')));
    for (const response of await askFive()) await expectUnavailable(response);
    await demote('off');
    for (const response of await askFive()) expect(response.status).toBe(200);
  });

  it('so does one whose server has silently gone; the sessions are dropped', async () => {
    expect((await ask('rows')).status).toBe(200);
    way.isSilent = true;
    await expectUnavailable(await ask('rows'));
    way.isSilent = false;
    expect((await ask('rows')).status).toBe(200);
  });
});

describe('a process', () => {
  it('is live while its loop fails, but not when an attempt neither ends nor fails', async () => {
    const live = async () => {
      const answer = await fetch(`${service.adminUrl}/health/live`);
      return [answer.status, ((await answer.json()) as { stuck: string[] }).stuck];
    };
    const attempt = heartbeat('test-loop', 500);
    await expect(attempt(() => Promise.reject(new Error('away')))).rejects.toThrow('away');
    const { promise, resolve } = Promise.withResolvers<void>();
    const hanging = attempt(() => promise);
    expect(await live()).toEqual([200, []]);
    await new Promise((later) => setTimeout(later, 510));
    expect(await live()).toEqual([503, ['test-loop']]);
    const shown = await (await fetch(`${service.adminUrl}/metrics`)).text();
    expect(shown).toMatch(/^tradecore_loop_attempt_age_seconds\{loop="test-loop"\} 0\.\d/m);
    resolve();
    await hanging;
    expect(await live()).toEqual([200, []]);
  });
});
