import type { Pool, PoolClient } from 'pg';
import type { DataSource } from 'typeorm';
import { endsSession } from './database-faults.ts';

/** A connection taken from the pool: always returned or rolled back. */
export interface CheckedOut {
  readonly client: PoolClient;
  /** Returns it; after an error that ends the session the pool destroys it instead of keeping it. */
  giveBack(error?: unknown): void;
  /** Returns it with nothing open; destroys it if that is impossible, as after such an error. */
  rollBack(error?: unknown): Promise<void>;
}

/** The pool under a DataSource. */
export const poolOf = (dataSource: DataSource): Pool => (dataSource.driver as unknown as { readonly master: Pool }).master;

/** A rollback that takes longer counts as failed. */
const rollBackMs = 5_000;

const ignore = (): undefined => undefined;

/**
 * Takes a connection for some statements. One that breaks while checked out emits an error besides the failed
 * statement, which would end the process without a listener. The pool listens only to idle ones, so we listen from the
 * same turn in which it hands over the connection.
 */
export function checkOut(pool: Pool): Promise<CheckedOut> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client, release) => {
      if (!client) return reject(error ?? new Error('the pool returned no connection'));
      client.on('error', ignore);
      const end = (isOver: boolean): void => {
        if (!isOver) client.off('error', ignore);
        release(isOver);
      };
      resolve({
        client,
        giveBack: (failure) => end(endsSession(failure)),
        rollBack: async (failure) => {
          if (endsSession(failure)) return end(true);
          const rollback = { text: 'rollback', query_timeout: rollBackMs };
          const isOver = await client.query(rollback).then(
            () => false,
            () => true,
          );
          end(isOver);
        },
      });
    });
  });
}
