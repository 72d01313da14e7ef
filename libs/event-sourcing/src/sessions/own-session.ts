import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import { checkOut, poolOf } from './checkout.ts';
import { DatabaseClient } from './database-client.ts';

/** Between us and PostgreSQL stands a pooler that gives each transaction, or each statement, another session. */
export class SessionsShared extends Error {
  override readonly name = 'SessionsShared';
  constructor() {
    super(
      'DATABASE_URL leads to a pooler whose clients share sessions (PgBouncer: pool_mode = transaction or statement). ' +
        'Locks, time limits and LISTEN need a session of our own: use pool_mode = session, or the server itself',
    );
  }
}

/** A pooler gives its free sessions in one order or the other: of two questions in a row and one of another client, two meet in one session or differ. */
const rounds = 5;

/**
 * Throws `SessionsShared` where this client has no session of its own; `url` is the client's. A pooler tells its clients
 * another process id than that of the session, so that without one a single statement is enough.
 */
export async function mustOwnSession(client: ClientBase, url: string): Promise<void> {
  const own = await sessionOf(client);
  if (own === (client as { readonly processID?: number | null }).processID) return;
  const other = new DatabaseClient({ connectionString: url });
  try {
    await other.connect();
    for (let round = 0; round < rounds; round += 1) {
      const mine = [await sessionOf(client), await sessionOf(client)];
      if (mine.some((each) => each !== own) || (await sessionOf(other)) === own) throw new SessionsShared();
    }
  } finally {
    await other.end();
  }
}

/** The same of the sessions of a pool. */
export async function mustOwnSessions(dataSource: DataSource, url: string): Promise<void> {
  const { client, giveBack } = await checkOut(poolOf(dataSource));
  try {
    await mustOwnSession(client, url);
    giveBack();
  } catch (error) {
    giveBack(error);
    throw error;
  }
}

async function sessionOf(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}
