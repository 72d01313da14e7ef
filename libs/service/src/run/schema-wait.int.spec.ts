import { createServer, type AddressInfo } from 'node:net';
import { Module } from '@nestjs/common';
import { migrate } from '@tradecore/event-sourcing';
import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { catalogue } from '@tradecore/events';
import type { ReadinessReport } from '../index.ts';
import { startTestService } from '../testing.ts';

const wanted = { number: 399, name: 'wanted', sql: 'create table wanted (id int);' };

@Module({})
class NothingModule {}

let database: TestDatabase;
beforeEach(async () => void (database = await createTestDatabase()));
afterEach(() => database.drop());

/** A service whose build needs a migration that the database lacks. */
const start = (env: Record<string, string> = {}) =>
  startTestService({ name: 'newer', module: NothingModule, migrations: [wanted] }, { DATABASE_URL: database.url, ...env });

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The answer of a door that may not be open yet. */
async function answerOf(url: string): Promise<Response> {
  for (;;) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('a service that is newer than the schema', () => {
  it('is live but not ready, and starts when the migrator has run', async () => {
    const port = await freePort();
    const starting = start({ ADMIN_PORT: String(port), START_LIMIT: '20000' });
    const admin = `http://127.0.0.1:${port}`;
    expect((await answerOf(`${admin}/health/live`)).status).toBe(200);
    const waiting = await fetch(`${admin}/health/ready`);
    expect([waiting.status, await waiting.json()]).toEqual([503, { ready: false, draining: false, starting: true, checks: [] }]);

    await migrate(database.url, { catalogue, migrations: [wanted], rolePrefix: 'tradecore_test' });
    const service = await starting;
    const ready = await fetch(`${admin}/health/ready`);
    expect([ready.status, await ready.json()]).toMatchObject([
      200,
      { checks: [{ name: 'schema', ok: true, state: 'complete' }] },
    ]);
    await service.stop();
  });

  it('gives up at START_LIMIT, and names what is missing', async () => {
    await expect(start({ START_LIMIT: '300' })).rejects.toThrow(/not ready after 300 ms: the schema lacks wanted-\d*399/);
  });

  it('becomes not ready when the database is reset to an older schema', async () => {
    await migrate(database.url, { catalogue, migrations: [wanted], rolePrefix: 'tradecore_test' });
    const service = await start();
    await database.dataSource.query(`delete from schema_migrations where name like 'wanted-%'`);
    const response = await fetch(`${service.adminUrl}/health/ready`);
    const report = (await response.json()) as ReadinessReport;
    expect([response.status, report.checks]).toMatchObject([503, [{ name: 'schema', ok: false }]]);
    expect(report.checks[0]?.state).toContain('the schema lacks wanted-');
    await service.stop();
  });
});
