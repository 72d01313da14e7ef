import type { Pool, PoolClient } from 'pg';

/** A connection taken from the pool. */
export interface CheckedOut {
  readonly client: PoolClient;
  /** With a fault the pool destroys the connection instead of keeping it. */
  giveBack(fault?: Error): void;
}

const ignore = (): undefined => undefined;

/**
 * Takes a connection for some statements. One that breaks while it is out emits an error beside the failed statement, which would end the
 * process if nobody listened. The pool listens only to idle ones, so we do from the very turn in which it hands the connection over.
 */
export function checkOut(pool: Pool): Promise<CheckedOut> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client, release) => {
      if (!client) return reject(error ?? new Error('the pool gave no connection'));
      client.on('error', ignore);
      const giveBack = (fault?: Error): void => {
        if (!fault) client.off('error', ignore);
        release(fault);
      };
      resolve({ client, giveBack });
    });
  });
}
