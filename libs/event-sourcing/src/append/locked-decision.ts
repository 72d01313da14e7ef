import type { Catalogue } from '@tradecore/events';
import type { Pool } from 'pg';
import { appendCall, toVerdicts, type Verdict } from './append-events.ts';
import { checkOut } from '../sessions/checkout.ts';
import { databaseFault, type DatabaseFault } from '../sessions/database-faults.ts';
import type { LoadedMany } from '../load/load-many.ts';
import { toSave, type PartToSave, type Save } from './save.ts';
import { Busy, DatabaseUnavailable, InvalidSave, StoreClosed } from '../store/store-errors.ts';

/** The server ends a transaction that stays idle this long: others wait for its locks. */
const begin = `begin isolation level read committed; set local idle_in_transaction_session_timeout = '2s'`;

/** A statement of the transaction. */
export type Query = (sql: string, parameters?: unknown[]) => Promise<unknown[]>;

/** The steps and limits of a decision. */
export interface Locking {
  readonly catalogue: Catalogue;
  /** Locks and loads. */
  readonly load: (query: Query) => Promise<LoadedMany>;
  readonly decide: (loaded: LoadedMany) => readonly PartToSave[];
  readonly waitMs: number;
  /** An answer that takes longer counts as a lost connection. */
  readonly answerTimeoutMs: number;
}

/** The result; without `verdict` it is undecided: send the save again until it is. `lost`: the commit got no answer. */
export interface LockedDecision {
  readonly save: Save;
  readonly verdict?: Verdict;
  readonly lost?: boolean;
}

/**
 * One transaction: lock and load, decide, append, commit. `undefined` when nothing was decided. Throws `Busy` or
 * `DatabaseUnavailable` when nothing is stored for lack of a lock or the database, `StoreClosed`, and whatever `decide`
 * throws.
 */
export async function decideInTransaction(pool: Pool, locking: Locking): Promise<LockedDecision | undefined> {
  const { client, giveBack, rollBack } = await checkOut(pool).catch((cause: unknown) => {
    throw new DatabaseUnavailable({ cause });
  });
  const query: Query = async (text, values) => {
    const limited = { text, query_timeout: locking.answerTimeoutMs, ...(values && { values }) };
    return (await client.query<object>(limited)).rows;
  };
  const progress: Progress = { isCommitting: false };
  try {
    const decided = await decideWith(query, locking, progress);
    if (progress.isCommitting) giveBack();
    else await rollBack();
    return decided;
  } catch (error) {
    await rollBack(error);
    return afterFailure(error, progress);
  }
}

interface Progress {
  save?: Save;
  isCommitting: boolean;
}

async function decideWith(query: Query, locking: Locking, progress: Progress): Promise<LockedDecision | undefined> {
  await query(begin);
  const parts = locking.decide(await locking.load(query));
  if (parts.length === 0) return undefined;
  const save = toSave(locking.catalogue, parts);
  progress.save = save;
  const { text, values } = appendCall([save], locking.waitMs);
  const [verdict] = toVerdicts([save], await query(text, values));
  // Busy: something not locked here is held, such as an asserted aggregate by a change of it.
  if (!verdict || verdict.outcome === 'busy') return { save };
  progress.isCommitting = verdict.outcome === 'stored';
  if (progress.isCommitting) await query('commit');
  return { save, verdict };
}

function afterFailure(error: unknown, { save, isCommitting }: Progress): LockedDecision {
  const fault = databaseFault(error instanceof Busy ? error.cause : error);
  const isLost = isCommitting && (fault ?? 'lost') === 'lost';
  if (save && (isLost || fault === 'lost' || fault === 'unavailable' || fault === 'raced')) return { save, lost: isLost };
  throw refusalOf(error, fault, save !== undefined);
}

function refusalOf(cause: unknown, fault: DatabaseFault | undefined, isDecided: boolean): unknown {
  if (fault === 'lost' || fault === 'unavailable') return new DatabaseUnavailable({ cause });
  if (fault === 'closed') return new StoreClosed({ cause });
  if (fault === undefined || cause instanceof Busy) return cause;
  if (fault === 'locked') return new Busy('another save holds the aggregate', undefined, { cause });
  return isDecided ? new InvalidSave(`the database refused: ${(cause as Error).message}`, { cause }) : cause;
}
