import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { isSettled } from '@tradecore/checks';
import { DataSource, type EntityManager } from 'typeorm';

/** Another instance leads, or this one was too slow: what was read is thrown away. */
export class LeadLost extends Error {
  override readonly name = 'LeadLost';
}

/** The lease is renewed by each round. When its holder dies, another goes on after so long. */
const leaseSeconds = 15;

/** One instance reads and compares; the others stand by. All that it writes, it writes under the lease. */
@Injectable()
export class Lead {
  readonly #owner = randomUUID();
  #term = 0;
  #isHeld = false;

  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /**
   * Takes or renews the lease. Answers the number of this instance's term: what was read in an earlier one is not to be gone on with. Nobody leads
   * while the store is closed: until an operator has decided, nobody knows what the topics hold beyond it.
   */
  async take(): Promise<number | undefined> {
    const before = await this.#taken().catch((error: unknown) => {
      this.#isHeld = false;
      throw error;
    });
    if (before && !(this.#isHeld && before.owner === this.#owner)) this.#term += 1;
    this.#isHeld = before !== undefined;
    return this.#isHeld ? this.#term : undefined;
  }

  async #taken(): Promise<{ readonly owner: string | null } | undefined> {
    if (!(await isSettled(this.dataSource))) return undefined;
    const [[before]] = (await this.dataSource.query(
      `with before as (select owner from reconciler.lead for update)
       update reconciler.lead l set owner = $1, leased_until = clock_timestamp() + make_interval(secs => $2)
         from before b where b.owner is null or b.owner = $1 or l.leased_until < clock_timestamp()
       returning b.owner`,
      [this.#owner, leaseSeconds],
    )) as [({ owner: string | null } | undefined)[], number];
    return before;
  }

  /** A transaction that is committed only while the lease is held. Throws `LeadLost`. */
  write<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    return this.dataSource.transaction(async (tx) => {
      const [rows] = (await tx.query(
        `update reconciler.lead set leased_until = clock_timestamp() + make_interval(secs => $2)
          where owner = $1 and leased_until > clock_timestamp() returning one`,
        [this.#owner, leaseSeconds],
      )) as [unknown[], number];
      if (rows.length === 0) throw new LeadLost('another instance leads');
      return work(tx);
    });
  }

  /** Lets another instance lead at once. */
  async release(): Promise<void> {
    this.#isHeld = false;
    await this.dataSource.query('update reconciler.lead set owner = null where owner = $1', [this.#owner]);
  }
}
