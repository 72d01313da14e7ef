import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { createTestDatabase } from '@tradecore/event-sourcing/testing';

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

const file = (path: string) => new URL(path, import.meta.url).pathname;

describe('a service with OpenTelemetry', () => {
  it('puts the SQL of a request into the trace that the client began, and its log line too', async () => {
    const spans: Span[] = [];
    const collector = createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += String(chunk);
      const { resourceSpans = [] } = JSON.parse(text) as { resourceSpans?: { scopeSpans: { spans: Span[] }[] }[] };
      spans.push(...resourceSpans.flatMap((each) => each.scopeSpans.flatMap((scope) => scope.spans)));
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await once(collector, 'listening');
    const database = await createTestDatabase();
    const hooks = ['--conditions=@tradecore/source', '--import', file('../test/swc-hook.mjs')];
    const child = spawn(
      process.execPath,
      [...hooks, '--import', file('../../telemetry/src/start.ts'), file('../test/traced-service.ts')],
      {
        env: {
          PATH: process.env['PATH'],
          DATABASE_URL: database.url,
          JWT_ISSUER: 'https://issuer.test/',
          JWT_JWKS_URL: 'http://127.0.0.1:9/jwks.json',
          OTEL_SERVICE_NAME: 'traced',
          OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
          OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
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
    const request = spans.find(({ parentSpanId }) => parentSpanId === 'd'.repeat(16));
    const asked = spans.filter(({ attributes }) => attributes.some(({ value }) => value.stringValue?.includes('as asked')));
    expect(request?.traceId).toBe(traceId);
    expect(asked).toEqual([expect.objectContaining({ traceId, parentSpanId: request?.spanId })]);
    expect(lines.find(({ msg }) => msg === 'answered')).toMatchObject({ trace_id: traceId });
  }, 60_000);
});
