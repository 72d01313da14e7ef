import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { createTestIssuer, startTestService } from '../testing.ts';

interface Program {
  readonly child: ChildProcess;
  /** Everything written so far. */
  text(): string;
  /** Waits for a line that contains `part`. */
  line(part: string): Promise<Record<string, string>>;
  exit(): Promise<number | null>;
}

const jwt = { JWT_ISSUER: 'https://issuer.test/', JWT_JWKS_URL: 'http://127.0.0.1:9/jwks.json' };
const running: ChildProcess[] = [];
afterEach(() => running.splice(0).forEach((child) => child.kill('SIGKILL')));

function start(env: Record<string, string>): Program {
  const file = (path: string) => new URL(path, import.meta.url).pathname;
  const child = spawn(
    process.execPath,
    ['--conditions=@tradecore/source', '--import', file('../../../../typescript-hook.mjs'), file('../../test/loop-service.ts')],
    { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  running.push(child);
  const exited = once(child, 'exit');
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)));
  const line = async (part: string): Promise<Record<string, string>> => {
    for (;;) {
      const found = text.split('\n').find((each) => each.includes(part));
      if (found?.endsWith('}')) return JSON.parse(found) as Record<string, string>;
      await Promise.race([
        once(child.stdout, 'data'),
        exited.then(() => Promise.reject(new Error(`ended without "${part}":\n${text}`))),
      ]);
    }
  };
  return { child, text: () => text, line, exit: async () => ((await exited) as [number | null])[0] };
}

describe('a service', () => {
  it('that cannot open its port closes what it has already started', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    let closed = 0;
    @Module({})
    class Consumes implements OnApplicationShutdown {
      onApplicationShutdown(): void {
        closed += 1;
      }
    }
    const settings = { ...jwt, PORT: String(port) };
    const service = startTestService({ name: 'late', module: Consumes, uses: [], http: true }, settings);
    await service.catch(() => undefined).finally(() => server.close());
    await expect(service).rejects.toThrow('EADDRINUSE');
    expect(closed).toBe(1);
  });

  it('with wrong settings exits with 78 and names them all', async () => {
    const program = start({ ...jwt, JWT_ISSUER: 'nobody', LOOP: 'sings', ADMIN_PORT: '-1' });
    expect(await program.exit()).toBe(78);
    expect(program.text()).toContain('3 settings are wrong');
    for (const name of ['JWT_ISSUER', 'LOOP', 'ADMIN_PORT']) expect(program.text()).toContain(`  ${name} is `);
  }, 60_000);

  it('told to stop becomes not ready at once, finishes what is in flight, drains, and exits with 0', async () => {
    const program = start(jwt);
    const { url, adminUrl } = await program.line('"started"');
    expect((await fetch(`${adminUrl}/health/ready`)).status).toBe(200);
    const inFlight = fetch(`${url}/slow`);
    await program.line('"asked"');
    program.child.kill('SIGTERM');
    await program.line('"stopping"');
    const ready = await fetch(`${adminUrl}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([503, expect.objectContaining({ ready: false, draining: true })]);
    expect(await (await inFlight).text()).toBe('finished');
    expect(await program.exit()).toBe(0);
    expect(program.text()).toContain('drained');
  }, 60_000);

  it('that hangs exits with 1 at the limit and says so', async () => {
    const program = start({ ...jwt, LOOP: 'hangs', STOP_LIMIT: '300' });
    await program.line('"started"');
    program.child.kill('SIGTERM');
    expect(await program.exit()).toBe(1);
    expect(program.text()).toMatch(/"hanging":\{.*not stopped within 300 ms/);
  }, 60_000);

  it('that hangs exits at once on a second signal', async () => {
    const program = start({ ...jwt, LOOP: 'hangs' });
    await program.line('"started"');
    program.child.kill('SIGTERM');
    await program.line('"stopping"');
    program.child.kill('SIGINT');
    expect(await program.exit()).toBe(1);
    expect(program.text()).toContain('a second SIGINT');
  }, 60_000);

  it('exits on an uncaught error, with its reason in the log', async () => {
    const program = start(jwt);
    const { url } = await program.line('"started"');
    await fetch(`${url}/bug`).catch(() => undefined);
    expect(await program.exit()).toBe(1);
    expect(program.text()).toMatch(/"level":"fatal".*nothing awaits this/);
  }, 60_000);

  it('logs each refusal in one line, with the caller, the request and the reason', async () => {
    const issuer = await createTestIssuer();
    const program = start(issuer.env);
    const { url } = await program.line('"started"');
    const ask = (bearer: string) => {
      const headers = { authorization: `Bearer ${bearer}`, 'x-forwarded-for': '203.0.113.7' };
      return fetch(`${url}/v1/orders/1?x=2`, { headers });
    };
    const [, payload, signature] = (await issuer.token()).split('.');
    await ask(`${Buffer.from('{"alg":"RS256"}').toString('base64url')}.${payload}.${signature}`);
    const request = { logger: 'audit', address: '127.0.0.1', forwardedFor: '203.0.113.7', method: 'GET', path: '/v1/orders/1' };
    expect(await program.line('"invalid-token"')).toMatchObject({
      ...request,
      status: 401,
      because: '"alg" (Algorithm) Header Parameter value not allowed; alg RS256, typ undefined, kid undefined',
    });
    await ask(await issuer.token({ subject: 'alice' }));
    expect(await program.line('"no-such-route"')).toMatchObject({ ...request, subject: 'alice', status: 404 });
    await issuer.close();
  }, 60_000);
});
