import { Socket } from 'node:net';
import pg from 'pg';

const endWithinMs = 1_000;

/** A connection of its own, outside of the pool: for work that belongs to one session (a lease, LISTEN). */
export interface Session {
  readonly client: pg.Client;
  /** Ends it, by force if the server does not answer: a partition must not hold up whoever wants to start over. Never throws. */
  end(): Promise<void>;
}

/** Makes a session; `client.connect()` opens it. */
export function newSession(config: pg.ClientConfig): Session {
  const socket = new Socket();
  const client = new pg.Client({ keepAlive: true, connectionTimeoutMillis: 5_000, ...config, stream: () => socket });
  return {
    client,
    end: async () => {
      const timer = setTimeout(() => socket.destroy(), endWithinMs);
      await client.end().catch(() => undefined);
      clearTimeout(timer);
      socket.destroy();
    },
  };
}
