import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { startCollector } from './testing.ts';

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
    const collector = await startCollector();
    const { program, port } = await startProgram({ OTEL_SERVICE_NAME: 'traced-program', ...collector.env });
    const traceId = 'a1'.repeat(16);
    const headers = { traceparent: `00-${traceId}-${'b'.repeat(16)}-01` };
    const handedOn = await (await fetch(`http://127.0.0.1:${port}/`, { headers })).text();
    await stop(program);
    collector.close();

    expect(handedOn).toContain(traceId);
    const { spans } = collector;
    const byText = (text: string) => spans.find(({ sql }) => sql?.includes(text));
    const request = spans.find(({ parentSpanId }) => parentSpanId === 'b'.repeat(16));
    const step = spans.find(({ name }) => name === 'project orders');
    expect(request).toMatchObject({ traceId, service: 'traced-program' });
    expect(byText('stored')).toMatchObject({ traceId, parentSpanId: request?.spanId });
    expect(step).toMatchObject({ traceId });
    expect(byText('projected')).toMatchObject({ traceId, parentSpanId: step?.spanId });
  }, 30_000);

  it('links the work of many traces, done together, to each of them; a trace that is not sampled has no span', async () => {
    const collector = await startCollector();
    const { program, port } = await startProgram({ OTEL_SERVICE_NAME: 'traced-program', ...collector.env });
    await (await fetch(`http://127.0.0.1:${port}/`)).text();
    await stop(program);
    collector.close();

    const batches = collector.spans.filter(({ name }) => name === 'batch');
    const [other, first] = [
      batches.find(({ traceId }) => traceId === 'c'.repeat(32)),
      batches.find(({ traceId }) => traceId !== 'c'.repeat(32)),
    ];
    expect(batches).toHaveLength(2);
    expect(collector.spans.find(({ sql }) => sql?.includes('batched'))).toMatchObject({ parentSpanId: first?.spanId });
    expect(first?.links).toEqual([`${'c'.repeat(32)}/${'c'.repeat(16)}`]);
    expect(other).toMatchObject({ parentSpanId: 'c'.repeat(16), links: [`${first?.traceId}/${first?.spanId}`] });
  }, 30_000);

  it('samples as its setting says, and hands the decision on', async () => {
    const collector = await startCollector();
    const sampler = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' };
    const { program, port } = await startProgram({ OTEL_SERVICE_NAME: 'traced-program', ...collector.env, ...sampler });
    const handedOn = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    await stop(program);
    collector.close();

    expect(handedOn).toMatch(/-00$/);
    expect(new Set(collector.spans.map(({ traceId }) => traceId))).toEqual(new Set(['c'.repeat(32)]));
  }, 30_000);
});
