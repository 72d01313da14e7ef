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

  it('hides who people are and what they write, also in what an error of the database repeats', () => {
    class QueryFailedError extends Error {
      readonly parameters = ['Ada Lovelace'];
      readonly detail = 'Key (name)=(Ada Lovelace) already exists.';
      readonly driverError = { detail: 'Ada Lovelace' };
    }
    const text = JSON.stringify(
      linesOf((log) => {
        log.warn(
          { err: new QueryFailedError('duplicate key'), displayName: 'Ada Lovelace', order: { reference: 'Ada Lovelace' } },
          'x',
        );
        log.info({ subject: 'ada@example.com' }, 'mail of ada.l+x@mail.example.co.uk, and <ada@example.org>.');
      }),
    );
    expect(text).toContain('duplicate key');
    expect(text).not.toMatch(/lovelace|\bada\b/i);
  });

  it('names the order and the account that it concerns in one way, from the context or from its own fields', () => {
    const lines = linesOf((log) => {
      runInContext({ correlationId: 'c', account: 'a-1', order: 'o-1', sagaId: 's-1' }, () => log.info('x'));
      log.info({ accountId: 'a-2', orderId: 'o-2', sagaId: 's-2', orderIds: 1 }, 'x');
    });
    expect(lines[0]).toMatchObject({ account_id: 'a-1', order_id: 'o-1', saga_id: 's-1' });
    expect(lines[1]).toMatchObject({ account_id: 'a-2', order_id: 'o-2', saga_id: 's-2', orderIds: 1 });
    expect(lines[1]).not.toHaveProperty('accountId');
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
  it.each([':', 'eyJ', 'a.', 'a@', '://', '@a.'])(
    'takes no longer than the text is long, for a client that repeats %j',
    (part) => {
      const took = (length: number): number => {
        const text = part.repeat(length / part.length);
        const began = performance.now();
        mask(text);
        return performance.now() - began;
      };
      took(100_000);
      expect(took(400_000)).toBeLessThan(1_000);
    },
  );

  it('leaves ordinary text alone', () => expect(mask('http://127.0.0.1:8080/v1 a:b@c')).toBe('http://127.0.0.1:8080/v1 a:b@c'));
});
