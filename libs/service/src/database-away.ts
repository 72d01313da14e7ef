import { QueryFailedError } from 'typeorm';

/** PostgreSQL: 08 connection; 57P0x shut down, crashed, starting; 53 too many connections, no room; 57014 a statement cancelled for its time. */
const serverSays = /^(08|57P0|53|57014)/;

/** Node.js, of the way to the server. */
const systemSays = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'];

/** The driver and its pool, which give these no code. */
const driverSays = /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/;

/** Whether a statement failed because PostgreSQL could not be reached or had no time: no fault of the statement, and later it may succeed. */
export function isDatabaseAway(error: unknown): boolean {
  const cause: unknown = error instanceof QueryFailedError ? error.driverError : error;
  if (!(cause instanceof Error)) return false;
  const { code = '', severity, syscall } = cause as { code?: string; severity?: string; syscall?: string };
  if (severity !== undefined) return serverSays.test(code);
  return (syscall !== undefined && systemSays.includes(code)) || driverSays.test(cause.message);
}
