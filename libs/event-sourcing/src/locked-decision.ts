import type { Catalogue } from '@tradecore/events';
import type { Pool, PoolClient } from 'pg';
import { appendParameters, appendSql, failureOf, toVerdicts, type Failure, type Verdict } from './append-events.ts';
import { answerTimeoutMs } from './append-queue.ts';
import { checkOut } from './checkout.ts';
import type { LoadedMany } from './load-many.ts';
import { toSave, type PartToSave, type Save } from './save.ts';
import { Busy, InvalidSave } from './store-errors.ts';

/** The server ends a transaction whose process does not go on for so long: others wait for its locks. */
const begin = `begin isolation level read committed; set local idle_in_transaction_session_timeout = '2s'`;

/** A statement of the transaction. */
export type Query = (sql: string, parameters?: unknown[]) => Promise<unknown[]>;

/** How a decision is made. */
export interface Locking {
  readonly catalogue: Catalogue;
  /** Locks and loads. */
  readonly load: (query: Query) => Promise<LoadedMany>;
  readonly decide: (loaded: LoadedMany) => readonly PartToSave[];
  readonly waitMs: number;
}

/** What came of it; without `verdict` it is not decided: the save has to be sent again until it is. */
export interface LockedDecision {
  readonly save: Save;
  readonly verdict?: Verdict;
}

/**
 * One transaction: lock and load, decide, append, commit. `undefined` when nothing was decided. Throws `Busy` when nothing is stored for want of a
 * lock or a connection, and what `decide` throws.
 */
export async function decideInTransaction(pool: Pool, locking: Locking): Promise<LockedDecision | undefined> {
  const { client, giveBack } = await checkOut(pool).catch((cause: unknown) => {
    throw new Busy('no connection to the database', undefined, { cause });
  });
  const session = new Session(client);
  let save: Save | undefined;
  try {
    await session.query(begin);
    const parts = locking.decide(await locking.load(session.query));
    if (parts.length === 0) return undefined;
    save = toSave(locking.catalogue, parts);
    const [verdict] = toVerdicts([save], await session.query(appendSql, appendParameters([save], locking.waitMs)));
    if (verdict?.outcome === 'stored') await session.commit();
    // Busy: something that was not locked here is held, as what it asserts by a change of it.
    return verdict && verdict.outcome !== 'busy' ? { save, verdict } : { save };
  } catch (error) {
    return afterFailure(session.fault, error, save);
  } finally {
    giveBack(await session.end());
  }
}

/** `fault`: what a statement failed with; an error without one was not the database's. */
function afterFailure(fault: unknown, error: unknown, save: Save | undefined): LockedDecision {
  if (fault === undefined) throw error;
  const failure = failureOf(fault);
  if (save && (failure === 'lost' || failure === 'raced')) return { save };
  throw refusal(failure, error, save);
}

function refusal(failure: Failure, error: unknown, save: Save | undefined): unknown {
  if (failure === 'lost') return new Busy('the connection to the database broke', undefined, { cause: error });
  if (error instanceof Busy) return error;
  if (failure === 'locked') return new Busy('another save holds the aggregate', undefined, { cause: error });
  return save ? new InvalidSave(`the database refused: ${(error as Error).message}`, { cause: error }) : error;
}

/** A connection in a transaction. */
class Session {
  fault: unknown;
  #committed = false;

  constructor(private readonly client: PoolClient) {}

  readonly query: Query = async (sql, parameters) => {
    try {
      const query = { text: sql, query_timeout: answerTimeoutMs, ...(parameters && { values: parameters }) };
      return (await this.client.query<object>(query)).rows;
    } catch (error) {
      this.fault = error;
      throw error;
    }
  };

  async commit(): Promise<void> {
    await this.query('commit');
    this.#committed = true;
  }

  /** Rolls back what is not committed. Returns why the connection can't be used any more, if so. */
  async end(): Promise<Error | undefined> {
    if (this.#committed) return undefined;
    if (this.fault !== undefined && failureOf(this.fault) === 'lost') return this.fault as Error;
    return this.query('rollback').then(
      () => undefined,
      (error: Error) => error,
    );
  }
}
