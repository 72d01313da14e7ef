import type { Transaction } from './sql-event-store.ts';

/** What names a store. */
export interface Identity {
  readonly storeId: string;
  /** Eight hex digits. Another one once events were given up: their ids, versions and numbers are used again. */
  readonly epoch: string;
  /** Another one after each reopening: rows beside the log may be older than before. */
  readonly opening: string;
}

/** Milliseconds for which what was read of an open store holds; `reopen_store` draws an epoch only when twice that has passed. */
const lease = 500;

interface Read {
  readonly identity: Identity;
  readonly begun: number;
  /** 0: the store was closed. */
  readonly until: number;
}

/**
 * The identity of the store, read at most twice a second for all requests. It changes only while the store is closed, at least a second after it
 * closed: what was read of an open store is true until its lease ends. Of a closed store nothing is kept.
 */
export class StoreIdentity {
  #held: Read | undefined;
  #reading: Promise<Read> | undefined;

  constructor(private readonly db: Transaction) {}

  /** The identity at some moment after the call. */
  async current(): Promise<Identity> {
    const asked = performance.now();
    if (this.#held && asked < this.#held.until) return this.#held.identity;
    const read = await (this.#reading ??= this.#read());
    // What another caller began to read before is good only with a lease.
    const isGood = read.begun >= asked || performance.now() < read.until;
    return isGood ? read.identity : this.current();
  }

  async #read(): Promise<Read> {
    const begun = performance.now();
    try {
      const [row] = (await this.db.query(
        `select store_id as "storeId", left(epoch::text, 8) as epoch, opening, closed_at is not null as "isClosed" from public.store_identity`,
      )) as (Identity & { readonly isClosed: boolean })[];
      if (!row) throw new Error('the store has no identity');
      const { isClosed, ...identity } = row;
      return (this.#held = { identity, begun, until: isClosed ? 0 : begun + lease });
    } finally {
      this.#reading = undefined;
    }
  }
}
