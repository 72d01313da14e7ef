import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { createTestDatabase } from '@tradecore/event-sourcing/testing';
import { startCollector } from '@tradecore/telemetry/testing';

const file = (path: string) => new URL(path, import.meta.url).pathname;

describe('a service with OpenTelemetry', () => {
  it('adds the SQL and the log line of a request to the trace that the client began', async () => {
    const collector = await startCollector();
    const database = await createTestDatabase();
    const hooks = ['--conditions=@tradecore/source', '--import', file('../../../../typescript-hook.mjs')];
    const child = spawn(
      process.execPath,
      [...hooks, '--import', file('../../../telemetry/src/start.ts'), file('../../test/traced-service.ts')],
      {
        env: {
          PATH: process.env['PATH'],
          DATABASE_URL: database.url,
          JWT_ISSUER: 'https://issuer.test/',
          JWT_JWKS_URL: 'http://127.0.0.1:9/jwks.json',
          OTEL_SERVICE_NAME: 'traced',
          ...collector.env,
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const lines: Record<string, string>[] = [];
    let url: string | undefined;
    const traceId = 'c3'.repeat(16);
    try {
      for await (const line of createInterface(child.stdout)) {
        const entry = JSON.parse(line) as Record<string, string>;
        lines.push(entry);
        if (entry['msg'] !== 'started') continue;
        url = entry['url'];
        const answer = await fetch(`${url}/ask`, {
          method: 'POST',
          body: '{"what":"x"}',
          headers: { 'content-type': 'application/json', traceparent: `00-${traceId}-${'d'.repeat(16)}-01` },
        });
        expect(await answer.json()).toEqual([{ asked: 'x' }]);
        expect(answer.headers.get('traceparent')).toContain(traceId);
        child.kill('SIGTERM');
      }
    } finally {
      child.kill('SIGKILL');
      collector.close();
      await database.drop();
    }
    const { spans } = collector;
    const request = spans.find(({ parentSpanId }) => parentSpanId === 'd'.repeat(16));
    const asked = spans.filter(({ sql }) => sql?.includes('as asked'));
    expect(request?.traceId).toBe(traceId);
    expect(asked).toEqual([expect.objectContaining({ traceId, parentSpanId: request?.spanId })]);
    expect(lines.find(({ msg }) => msg === 'answered')).toMatchObject({ trace_id: traceId });
  }, 60_000);
});
