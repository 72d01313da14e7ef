/**
 * The kinds of statement failure.
 * `lost`: the connection broke, or no answer came: the outcome of the statement is unknown, and the session is gone.
 * `unavailable`: nothing is stored; the server can't do it now (read-only, no disk space or memory, too many
 * connections), perhaps never in this session.
 * `locked`: nothing is stored; a lock or time limit expired.
 * `stale`: nothing is stored; the data read has changed since (also raised by our SQL), or a standby could not keep it.
 * `raced`: nothing is stored; another transaction stored the same key at the same time.
 * `closed`: nothing is stored; the store is closed until an operator has decided (raised by our SQL).
 * `data`: nothing is stored; a value was refused.
 * `other`: nothing is stored; the statement is wrong.
 */
export type DatabaseFault = 'lost' | 'unavailable' | 'locked' | 'stale' | 'raced' | 'closed' | 'data' | 'other';

/** SQLSTATEs, the first that fits. */
const states: readonly (readonly [RegExp, DatabaseFault])[] = [
  // Connection; shutdown, crash, startup, idle timeout; idle-in-transaction or transaction timeout; completion unknown.
  [/^(08|57P|25P0[34]|40003)/, 'lost'],
  // A standby, or a node demoted to one; no disk space, memory or connection; the operating system.
  [/^(25006|53|58000|58030)/, 'unavailable'],
  // A lock timeout, a deadlock, a statement timeout.
  [/^(55P03|40P01|57014)/, 'locked'],
  [/^40001/, 'stale'],
  [/^23505/, 'raced'],
  [/^TC003/, 'closed'],
  [/^2[23]/, 'data'],
];

/** Network errors of Node.js. */
const systemSays = new Set(
  'ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN ENOTFOUND EAI_AGAIN'.split(' '),
);

/** Errors of the driver and its pool, which have no code. */
const driverSays =
  /^(Connection terminated|timeout (exceeded|expired)|Query read timeout|Client (was closed|has encountered)|Cannot use a pool)/;

const isOfTheWay = (code: string, message: string): boolean => systemSays.has(code) || driverSays.test(message);

/** The only place that classifies errors of PostgreSQL, its driver and the network; undefined for any other error. */
export function databaseFault(error: unknown): DatabaseFault | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, severity, message } = error as {
    readonly code?: unknown;
    readonly severity?: unknown;
    readonly message?: unknown;
  };
  const state = String(code);
  // The server ends the session, perhaps after storing: only an ERROR means that nothing is stored.
  if (severity === 'FATAL' || severity === 'PANIC') return 'lost';
  const [, said] = states.find(([pattern]) => pattern.test(state)) ?? [];
  if (said || severity !== undefined) return said ?? 'other';
  return isOfTheWay(state, String(message)) ? 'lost' : undefined;
}

/** Whether the session is unusable: it must not run another statement. */
export function endsSession(error: unknown): boolean {
  const fault = databaseFault(error);
  return fault === 'lost' || fault === 'unavailable';
}

/** Whether the database was unreachable, unable or out of time: the statement is not at fault and may succeed later. */
export const isDatabaseAway = (error: unknown): boolean =>
  endsSession(error) || ['locked', 'stale'].includes(databaseFault(error) ?? '');

/** Whether PostgreSQL refused a value: SQLSTATE class 22 (data) or 23 (constraint). */
export function isDataError(error: unknown): boolean {
  const fault = databaseFault(error);
  return fault === 'data' || fault === 'raced';
}
