import { databaseFault, endsSession, isDatabaseAway, isDataError } from './database-faults.ts';

const fromServer = (code: string, severity = 'ERROR') => Object.assign(new Error('refused'), { code, severity });
const fromSystem = (code: string) => Object.assign(new Error('connect'), { code, syscall: 'connect' });

describe("PostgreSQL's errors", () => {
  it.each([
    ['08006', 'lost'],
    ['57P01', 'lost'],
    ['57P03', 'lost'],
    ['25P03', 'lost'],
    ['25006', 'unavailable'],
    ['53100', 'unavailable'],
    ['53200', 'unavailable'],
    ['53300', 'unavailable'],
    ['58030', 'unavailable'],
    ['40001', 'stale'],
    ['55P03', 'locked'],
    ['40P01', 'locked'],
    ['57014', 'locked'],
    ['23505', 'raced'],
    ['TC003', 'closed'],
    ['23514', 'data'],
    ['22P02', 'data'],
    ['42P01', 'other'],
    ['XX000', 'other'],
  ] as const)('%s is %s', (code, fault) => {
    const error = fromServer(code);
    expect(databaseFault(error)).toBe(fault);
    expect(endsSession(error)).toBe(['lost', 'unavailable'].includes(fault));
    expect(isDatabaseAway(error)).toBe(['lost', 'unavailable', 'locked', 'stale'].includes(fault));
    expect(isDataError(error)).toBe(['data', 'raced'].includes(fault));
  });

  it('leave the outcome open when they end the session', () => {
    expect(databaseFault(fromServer('53100', 'PANIC'))).toBe('lost');
    expect(databaseFault(fromServer('53300', 'FATAL'))).toBe('lost');
  });

  it.each(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'])(
    '%s on the network is a lost connection',
    (code) => {
      expect(databaseFault(fromSystem(code))).toBe('lost');
      expect(databaseFault(Object.assign(new AggregateError([fromSystem(code)]), { code }))).toBe('lost');
    },
  );

  it.each([
    'Connection terminated unexpectedly',
    'Query read timeout',
    'timeout exceeded when trying to connect',
    'timeout expired',
  ])("so is the driver's: %s", (message) => expect(databaseFault(new Error(message))).toBe('lost'));

  it('exclude unrelated errors', () => {
    for (const error of [new TypeError('nothing'), Object.assign(new Error('no'), { code: 'store-busy' }), undefined, 'lost'])
      expect(databaseFault(error)).toBeUndefined();
  });
});
