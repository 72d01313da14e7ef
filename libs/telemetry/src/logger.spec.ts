import { runInContext } from './context.ts';
import { createLogger, describeProcess, logger, mask, setLogLevel } from './logger.ts';

function linesOf(write: (log: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLogger('info', { write: (line) => void lines.push(line) }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('a log line', () => {
  it('is JSON with time, level, service, version, trace, correlation and message', () => {
    describeProcess({ service: 'command-api', version: '1.2.3', level: 'warn' });
    const work = { correlationId: 'c-1', causationId: 'e-1', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` };
    const [line] = linesOf((log) => runInContext(work, () => log.info({ batch: 3 }, 'sent')));
    expect(line).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      level: 'info',
      service: 'command-api',
      version: '1.2.3',
      trace_id: 'a'.repeat(32),
      span_id: 'b'.repeat(16),
      correlation_id: 'c-1',
      causation_id: 'e-1',
      batch: 3,
      msg: 'sent',
    });
  });

  it('hides secrets: under a secret key, inside an address, and as a token in a text', () => {
    const token = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl';
    const text = JSON.stringify(
      linesOf((log) => {
        log.info({ password: 'hunter2', headers: { authorization: `Bearer ${token}` } }, 'x');
        log.error({ err: new Error('connect postgres://owner:hunter2@db:5432/x failed') }, `called with ${token}`);
      }),
    );
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('c2lnbmF0dXJl');
    expect(text).toContain('postgres://owner:***@db:5432/x');
  });

  it('includes the type, message and stack of an error', () => {
    const [line] = linesOf((log) => log.error({ err: new RangeError('too far') }, 'x'));
    expect(line?.['err']).toMatchObject({
      type: 'RangeError',
      message: 'too far',
      stack: expect.stringContaining('logger.spec'),
    });
  });
});

describe('the level', () => {
  it('changes at run time for existing loggers', () => {
    const early = logger('early');
    setLogLevel('debug');
    expect(early.isLevelEnabled('debug')).toBe(true);
    setLogLevel('warn');
    expect(early.isLevelEnabled('debug')).toBe(false);
  });
});

describe('mask', () => {
  it('leaves ordinary text alone', () => expect(mask('http://127.0.0.1:8080/v1 a:b@c')).toBe('http://127.0.0.1:8080/v1 a:b@c'));
});
