/**
 * What a failed statement says about itself.
 * `lost`: the connection broke, or the answer did not come: nobody knows what became of the statement, and the session is gone.
 * `unavailable`: nothing is stored; the server can't do it now (read-only, no room, no memory, too many connections), perhaps this session never.
 * `locked`: nothing is stored; a lock, or time, could not be had.
 * `stale`: nothing is stored; what was read has changed since (also raised by SQL of ours), or a standby could not keep it.
 * `raced`: nothing is stored; another stored the same key at the same moment.
 * `closed`: nothing is stored; the store is closed until an operator has decided (raised by SQL of ours).
 * `data`: nothing is stored; a value is refused.
 * `other`: nothing is stored; the statement is wrong.
 */
export type DatabaseFault = 'lost' | 'unavailable' | 'locked' | 'stale' | 'raced' | 'closed' | 'data' | 'other';

/** SQLSTATEs, the first that fits. */
const states: readonly (readonly [RegExp, DatabaseFault])[] = [
  // Connection; shut down, crashed, starting, idle for too long; idle in a transaction, or in it, for too long; completion not known.
  [/^(08|57P|25P0[34]|40003)/, 'lost'],
  // A standby, or a node that became one; no room, memory or connection; the operating system.
  [/^(25006|53|58000|58030)/, 'unavailable'],
  // A lock not had in time, a deadlock, a statement cancelled for its time.
  [/^(55P03|40P01|57014)/, 'locked'],
  [/^40001/, 'stale'],
  [/^23505/, 'raced'],
  [/^TC003/, 'closed'],
  [/^2[23]/, 'data'],
];

/** Node.js, of the way to the server. */
const systemSays = new Set(
  'ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN ENOTFOUND EAI_AGAIN'.split(' '),
);

/** The driver and its pool, which give these no code. */
const driverSays =
  /^(Connection terminated|timeout (exceeded|expired)|Query read timeout|Client (was closed|has encountered)|Cannot use a pool)/;

const isOfTheWay = (code: string, message: string): boolean => systemSays.has(code) || driverSays.test(message);

/** The one reading of PostgreSQL's errors, its driver's and the network's; undefined for an error that is none of these. */
export function databaseFault(error: unknown): DatabaseFault | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, severity, message } = error as {
    readonly code?: unknown;
    readonly severity?: unknown;
    readonly message?: unknown;
  };
  const state = String(code);
  // The server ends the session, perhaps after it has stored: only an ERROR says that nothing is.
  if (severity === 'FATAL' || severity === 'PANIC') return 'lost';
  const [, said] = states.find(([pattern]) => pattern.test(state)) ?? [];
  if (said || severity !== undefined) return said ?? 'other';
  return isOfTheWay(state, String(message)) ? 'lost' : undefined;
}

/** Whether the session is worth nothing any more: it must not serve another statement. */
export function endsSession(error: unknown): boolean {
  const fault = databaseFault(error);
  return fault === 'lost' || fault === 'unavailable';
}

/** Whether the database could not be reached, could not do it now, or had no time: no fault of the statement, and later it may succeed. */
export const isDatabaseAway = (error: unknown): boolean =>
  endsSession(error) || ['locked', 'stale'].includes(databaseFault(error) ?? '');

/** PostgreSQL's word for a value that it refuses: SQLSTATE class 22 (data) or 23 (constraint). */
export function isDataError(error: unknown): boolean {
  const fault = databaseFault(error);
  return fault === 'data' || fault === 'raced';
}
