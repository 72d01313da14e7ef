import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: { key: string; value: { stringValue?: string } }[];
}

/** Receives OTLP over HTTP in its JSON form. */
async function startCollector(spans: Span[]): Promise<Server> {
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const body = JSON.parse(text) as { resourceSpans?: { scopeSpans: { spans: Span[] }[] }[] };
    spans.push(...(body.resourceSpans ?? []).flatMap((each) => each.scopeSpans.flatMap((scope) => scope.spans)));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

async function startProgram(env: Record<string, string>): Promise<{ program: ChildProcess; port: number }> {
  const file = (path: string) => new URL(path, import.meta.url).pathname;
  const program = spawn(
    process.execPath,
    ['--conditions=@tradecore/source', '--import', file('./start.ts'), file('../test/traced-program.ts')],
    { env: { ...process.env, NODE_OPTIONS: '', ...env }, stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const [line] = (await once(program.stdout, 'data')) as [Buffer];
  return { program, port: (JSON.parse(String(line)) as AddressInfo).port };
}

async function stop(program: ChildProcess): Promise<void> {
  program.stdin?.end();
  if (program.exitCode === null) await once(program, 'exit');
}

describe('OpenTelemetry, loaded before the program', () => {
  it('shows one trace from the request through its SQL to the SQL of the work that continues it later', async () => {
    const spans: Span[] = [];
    const collector = await startCollector(spans);
    const { program, port } = await startProgram({
      OTEL_SERVICE_NAME: 'traced-program',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${portOf(collector)}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    });
    const traceId = 'a1'.repeat(16);
    const headers = { traceparent: `00-${traceId}-${'b'.repeat(16)}-01` };
    const handedOn = await (await fetch(`http://127.0.0.1:${port}/`, { headers })).text();
    await stop(program);
    collector.close();

    expect(handedOn).toContain(traceId);
    const sql = (span: Span) => span.attributes.find(({ key }) => /^db\.(statement|query\.text)$/.test(key))?.value.stringValue;
    const byText = (text: string) => spans.find((span) => sql(span)?.includes(text));
    const request = spans.find(({ parentSpanId }) => parentSpanId === 'b'.repeat(16));
    const step = spans.find(({ name }) => name === 'project orders');
    expect(request?.traceId).toBe(traceId);
    expect(byText('stored')).toMatchObject({ traceId, parentSpanId: request?.spanId });
    expect(step).toMatchObject({ traceId });
    expect(byText('projected')).toMatchObject({ traceId, parentSpanId: step?.spanId });
  }, 30_000);
});
