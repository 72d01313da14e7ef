import type { Migration, Transaction } from '@tradecore/event-sourcing';
import { fill, schemaOf, template } from '../offsets/schema.ts';

/** What workers remember about a row between two attendances; JSON. */
export type WorkState = Readonly<Record<string, unknown>>;

/** A row that this process has claimed. */
export interface WorkItem {
  readonly key: string;
  /** Claims since it was last settled, this one included: above 1 the last ones failed. */
  readonly attempts: number;
  /** Somebody claimed it and was never heard of again: what was being done may have happened or not. */
  readonly takenOver: boolean;
  readonly state: WorkState;
  /** When it was put first; RFC 3339. */
  readonly putAt: string;
  readonly revision: number;
}

/** How a row is settled: it goes, or somebody attends to it again after so many milliseconds, or only when it is asked for. */
export type Verdict = { readonly done: true } | { readonly again: number | 'on-request'; readonly state: WorkState };

/** The claim has ended, and somebody else may be at it: nothing of this attendance counts. */
export class ClaimLost extends Error {
  override readonly name = 'ClaimLost';
}

/** Whose rows, and under which number. */
export interface WorkMigrationOptions {
  /** 200 to 299; never changed once released. */
  readonly number: number;
  /** Name of the service; with `_` for `-` the schema. Its role alone writes the rows. */
  readonly service: string;
}

const work = template('work');

/** The migration that makes the table of a service's work queue. */
export function workMigration({ number, service }: WorkMigrationOptions): Migration {
  return { number, name: `${service}-work`, sql: fill(work, schemaOf(service), service) };
}

/** The SQL of a work queue. */
export class WorkRows {
  constructor(private readonly schema: string) {}

  /** Asks for each key, now: a row that is there becomes due, one in hand is attended to once more. A state given replaces the one that is there. */
  async put(tx: Transaction, rows: readonly { readonly key: string; readonly state?: WorkState }[]): Promise<void> {
    if (rows.length === 0) return;
    const unique = [...new Map(rows.map((row) => [row.key, row])).values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    await tx.query(
      `insert into ${this.schema}.work as w (key, state)
       select key, coalesce(state, '{}') from jsonb_to_recordset($1::jsonb) as r (key uuid, state jsonb) order by key
       on conflict (key) do update
         set revision = w.revision + 1,
             state = w.state || excluded.state,
             due_at = case when w.claim is null then excluded.due_at else w.due_at end`,
      [JSON.stringify(unique)],
    );
  }

  /** Makes rows due that are there already and free; answers how many. */
  async request(tx: Transaction, keys: readonly string[]): Promise<void> {
    await tx.query(
      `update ${this.schema}.work set revision = revision + 1, due_at = case when claim is null then clock_timestamp() else due_at end
        where key in (select key from ${this.schema}.work where key = any($1::uuid[]) order by key for update)`,
      [keys],
    );
  }

  /** Makes every row due that waits for its time. */
  async makeAllDue(tx: Transaction): Promise<void> {
    await tx.query(
      `update ${this.schema}.work set due_at = clock_timestamp()
        where key in (select key from ${this.schema}.work
                       where claim is null and due_at > statement_timestamp() and due_at < 'infinity' order by key for update skip locked)`,
    );
  }

  /** Removes free rows. */
  async drop(tx: Transaction, keys: readonly string[]): Promise<void> {
    await tx.query(
      `delete from ${this.schema}.work
        where key in (select key from ${this.schema}.work where key = any($1::uuid[]) and claim is null order by key for update skip locked)`,
      [keys],
    );
  }

  /** Keys that wait to be asked for. */
  async waitingForRequest(tx: Transaction): Promise<string[]> {
    const rows = (await tx.query(`select key from ${this.schema}.work where due_at = 'infinity'`)) as { key: string }[];
    return rows.map(({ key }) => key);
  }

  /**
   * Claims the rows that have waited longest, at most `limit`, for `leaseMs`. With clock_timestamp(), which is volatile, `due_at <=` would be a
   * filter over the whole index (2,000 pages of 100,000 rows) and not its condition.
   */
  async claim(
    tx: Transaction,
    claim: string,
    limit: number,
    leaseMs: number,
  ): Promise<(WorkItem & { readonly lateMs: number })[]> {
    return (await tx.query(
      `with due as materialized (
         select key, claim, due_at from ${this.schema}.work where due_at <= statement_timestamp() order by due_at limit $2 for update skip locked)
       update ${this.schema}.work w
          set claim = $1, attempts = w.attempts + 1, due_at = clock_timestamp() + $3 * interval '1 millisecond'
         from due where w.key = due.key
       returning w.key, w.attempts, w.revision, w.state, due.claim is not null as "takenOver",
                 to_char(w.put_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "putAt",
                 (extract(epoch from clock_timestamp() - due.due_at) * 1000)::float8 as "lateMs"`,
      [claim, limit, leaseMs],
    )) as (WorkItem & { readonly lateMs: number })[];
  }

  /** Milliseconds until the next row is due; undefined when none will be. */
  async nextDueMs(tx: Transaction): Promise<number | undefined> {
    const [row] = (await tx.query(
      `select (extract(epoch from due_at - clock_timestamp()) * 1000)::float8 as ms
         from ${this.schema}.work where due_at < 'infinity' order by due_at limit 1`,
    )) as { ms: number }[];
    return row?.ms;
  }

  /** Prolongs the claims of the rows in hand. */
  async renew(tx: Transaction, claim: string, keys: readonly string[], leaseMs: number): Promise<void> {
    await tx.query(
      `update ${this.schema}.work set due_at = clock_timestamp() + $3 * interval '1 millisecond'
        where key = any($2::uuid[]) and claim = $1`,
      [claim, keys, leaseMs],
    );
  }

  /** Settles a claimed row; one that was asked for meanwhile is due at once. Throws `ClaimLost`. */
  async settle(tx: Transaction, claim: string, item: WorkItem, verdict: Verdict): Promise<void> {
    const gone = 'done' in verdict && (await this.remove(tx, claim, item));
    if (gone) return;
    const { again, state } = 'done' in verdict ? { again: 0, state: {} } : verdict;
    const settled = (await tx.query(
      `update ${this.schema}.work
          set claim = null, attempts = 0, state = $5,
              due_at = case when revision <> $3 then clock_timestamp() when $4::float8 is null then 'infinity'
                            else clock_timestamp() + $4::float8 * interval '1 millisecond' end
        where key = $1 and claim = $2 returning key`,
      [item.key, claim, item.revision, again === 'on-request' ? null : again, JSON.stringify(state)],
    )) as unknown[];
    if (settled.length === 0) throw new ClaimLost(`the claim of ${item.key} has ended`);
  }

  private async remove(tx: Transaction, claim: string, { key, revision }: WorkItem): Promise<boolean> {
    const removed = (await tx.query(
      `delete from ${this.schema}.work where key = $1 and claim = $2 and revision = $3 returning key`,
      [key, claim, revision],
    )) as unknown[];
    return removed.length > 0;
  }

  /** Gives a row back whose attendance failed: due again after so many milliseconds, attempts counted, state as it was. */
  async giveBack(tx: Transaction, claim: string, key: string, afterMs: number): Promise<void> {
    await tx.query(
      `update ${this.schema}.work set claim = null, due_at = clock_timestamp() + $3::float8 * interval '1 millisecond'
        where key = $1 and claim = $2`,
      [key, claim, afterMs],
    );
  }

  /** How many rows there are: all, due and not claimed, claimed. */
  async count(tx: Transaction): Promise<{ all: number; due: number; claimed: number }> {
    const [row] = (await tx.query(
      `select count(*)::int as all, count(*) filter (where claim is null and due_at <= clock_timestamp())::int as due,
              count(claim)::int as claimed from ${this.schema}.work`,
    )) as { all: number; due: number; claimed: number }[];
    return row ?? { all: 0, due: 0, claimed: 0 };
  }
}
