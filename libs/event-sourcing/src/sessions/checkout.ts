import type { Pool, PoolClient } from 'pg';
import type { DataSource } from 'typeorm';
import { endsSession } from './database-faults.ts';

/** A connection taken from the pool: it is given back, or rolled back, whatever happens. */
export interface CheckedOut {
  readonly client: PoolClient;
  /** After an error that ends the session the pool destroys it instead of keeping it. */
  giveBack(error?: unknown): void;
  /** Gives it back with nothing open on it; where that can't be had, as after such an error, it is destroyed. */
  rollBack(error?: unknown): Promise<void>;
}

/** The pool under a DataSource. */
export const poolOf = (dataSource: DataSource): Pool => (dataSource.driver as unknown as { readonly master: Pool }).master;

/** A rollback that takes longer is none. */
const rollBackMs = 5_000;

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
