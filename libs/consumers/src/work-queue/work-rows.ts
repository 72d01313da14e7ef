import { randomUUID } from 'node:crypto';
import type { Transaction } from '@tradecore/event-sourcing';

/** What workers keep about a row between two calls; JSON. */
export type WorkState = Readonly<Record<string, unknown>>;

/** A row to be put. */
export interface NewWork {
  readonly key: string;
  /** Lanes take turns, however many rows one of them has. An existing row keeps its lane when none is given. */
  readonly lane?: string;
  /** Before the rest of its lane, and one turn ahead of the other lanes. */
  readonly urgent?: boolean;
  /** Merged over the state of an existing row. */
  readonly state?: WorkState;
}

/** A row that a worker of this process has claimed. */
export interface WorkItem {
  readonly key: string;
  /** Identifies this claim of the row: every later claim has another id, and only the latest one settles. */
  readonly claim: string;
  /** Claims since it was last settled, this one included: above 1, earlier ones failed. */
  readonly attempts: number;
  /** Its last claim expired: what that worker was doing may or may not have happened. */
  readonly takenOver: boolean;
  readonly state: WorkState;
  /** When it was first put; RFC 3339. */
  readonly putAt: string;
  readonly revision: number;
}

/** How a row is settled: it is removed, or due again after this many milliseconds, or only on request. */
export type Verdict = { readonly done: true } | { readonly again: number | 'on-request'; readonly state: WorkState };

/** The claim has expired and another worker may have the row: nothing of this call counts. */
export class ClaimLost extends Error {
  override readonly name = 'ClaimLost';
}

/** Claimed rows, and when the next one is due. */
export interface Claimed {
  readonly items: readonly (WorkItem & { readonly lateMs: number })[];
  /** Undefined when none will be. */
  readonly nextDueMs: number | undefined;
}

/** Rows that one transaction put. */
export interface PutWork {
  /** Those that this process has claimed. */
  readonly claimed: readonly WorkItem[];
  /** No other row of the transaction waits for a worker: a look, 1 ms of a core, would find nothing. */
  readonly isAll: boolean;
}

/** The columns of an item, as SQL returns it. */
const itemColumns = `w.key, w.claim, w.attempts, w.revision, w.state,
  to_char(w.put_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "putAt"`;

const byUrgency = (a: NewWork, b: NewWork): number =>
  Number(b.urgent ?? false) - Number(a.urgent ?? false) || (a.key < b.key ? -1 : 1);

/** The SQL of a work queue. */
export class WorkRows {
  constructor(private readonly schema: string) {}

  /**
   * Requests each key, now: an existing row becomes due, one that a worker has is due once more. At most `claims` free
   * rows are claimed at once, for `leaseMs`.
   */
  async put(
    tx: Transaction,
    rows: readonly NewWork[],
    { claims = 0, leaseMs = 0 }: { readonly claims?: number; readonly leaseMs?: number } = {},
  ): Promise<PutWork> {
    if (rows.length === 0) return { claimed: [], isAll: true };
    const unique = [...new Map(rows.map((row) => [row.key, row])).values()].sort(byUrgency);
    const given = unique.map((row, index) => ({ ...row, claim: index < claims ? randomUUID() : null }));
    const items = (await tx.query(
      `insert into ${this.schema}.work as w (key, lane, urgent, turn, state, claim, attempts, due_at)
       select key, lane, urgent, turn, state, claim, case when claim is null then 0 else 1 end,
              clock_timestamp() + case when claim is null then interval '0' else $2 * interval '1 millisecond' end
         from (${this.withTurn(`
           select r.key, coalesce(r.lane, w.lane, '') as lane, coalesce(r.urgent, false) as urgent, coalesce(r.state, '{}') as state, r.claim
             from jsonb_to_recordset($1::jsonb) as r (key uuid, lane text, urgent boolean, state jsonb, claim uuid)
             left join ${this.schema}.work w using (key)`)}) r order by key
       on conflict (key) do update
         set lane = coalesce(nullif(excluded.lane, ''), w.lane),
             turn = case when w.due_at = 'infinity' then excluded.turn when excluded.urgent and not w.urgent then excluded.turn else w.turn end,
             urgent = excluded.urgent or (w.urgent and w.due_at < 'infinity'),
             revision = w.revision + 1,
             state = w.state || excluded.state,
             attempts = case when w.claim is null then w.attempts + excluded.attempts else w.attempts end,
             due_at = case when w.claim is null then excluded.due_at else w.due_at end,
             claim = coalesce(w.claim, excluded.claim)
       returning ${itemColumns}, false as "takenOver"`,
      [JSON.stringify(given), leaseMs],
    )) as WorkItem[];
    const ours = new Set<string>(given.flatMap(({ claim }) => claim ?? []));
    const claimed = items.filter(({ claim }) => ours.has(claim));
    return { claimed, isAll: claimed.length === items.length };
  }

  /**
   * The rows of a query (key, lane, urgent, ...) with the turn of each. A lane's next row comes one turn after its last
   * one, but not before the turn being served: so each lane has at most one row in a turn, two with the urgent ones,
   * and a new lane waits for one turn of the others.
   */
  private withTurn(rows: string): string {
    const { schema } = this;
    return `select n.*, greatest(served.turn - n.urgent::int, last.turn, 0) + row_number() over (partition by n.lane, n.urgent order by n.key) as turn
              from (${rows}) n
             cross join (select (select turn from ${schema}.work where due_at <= statement_timestamp() and due_at < 'infinity'
                                  order by turn, urgent desc, due_at limit 1) as turn) served
             cross join lateral (select (select turn from ${schema}.work l where l.lane = n.lane and l.urgent = n.urgent and l.due_at < 'infinity'
                                            and (l.claim is not null or l.due_at <= statement_timestamp()) order by turn desc limit 1) as turn) last`;
  }

  /** Makes existing rows due; one that a worker has is due once more. */
  async request(tx: Transaction, keys: readonly string[]): Promise<void> {
    await tx.query(
      `with asked as materialized (
         select key, lane, urgent, due_at = 'infinity' as rests from ${this.schema}.work where key = any($1::uuid[]) order by key for update)
       update ${this.schema}.work w
          set revision = revision + 1, due_at = case when claim is null then clock_timestamp() else due_at end,
              turn = case when t.rests then t.turn else w.turn end
         from (${this.withTurn('select * from asked')}) t where w.key = t.key`,
      [keys],
    );
  }

  /** Makes every row due that waits for its time, each in a new turn. */
  async makeAllDue(tx: Transaction): Promise<void> {
    await tx.query(
      `with waiting as materialized (
         select key, lane, urgent from ${this.schema}.work
          where claim is null and due_at > statement_timestamp() and due_at < 'infinity' order by key for update skip locked)
       update ${this.schema}.work w set due_at = clock_timestamp(), turn = t.turn
         from (${this.withTurn('select * from waiting')}) t where w.key = t.key`,
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

  /** Keys that wait for a request. */
  async waitingForRequest(tx: Transaction): Promise<string[]> {
    const rows = (await tx.query(`select key from ${this.schema}.work where due_at = 'infinity'`)) as { key: string }[];
    return rows.map(({ key }) => key);
  }

  /**
   * Claims the due rows whose turn it is, at most `limit`, for `leaseMs`, but none of those in progress, and returns
   * when the next one is due. With clock_timestamp(), which is volatile, `due_at <=` would be a filter over the whole
   * index (2,000 pages of 100,000 rows) and not its condition.
   */
  async claim(
    tx: Transaction,
    { limit, leaseMs, inHand }: { readonly limit: number; readonly leaseMs: number; readonly inHand: readonly string[] },
  ): Promise<Claimed> {
    const rows = (await tx.query(
      `with due as materialized (
         select key, claim, due_at from ${this.schema}.work
          where due_at <= statement_timestamp() and due_at < 'infinity' and key <> all($3::uuid[])
          order by turn, urgent desc, due_at limit $1 for update skip locked),
       claimed as (
         update ${this.schema}.work w
            set claim = gen_random_uuid(), attempts = w.attempts + 1, due_at = clock_timestamp() + $2 * interval '1 millisecond'
           from due where w.key = due.key
         returning ${itemColumns}, due.claim is not null as "takenOver",
                   (extract(epoch from clock_timestamp() - due.due_at) * 1000)::float8 as "lateMs")
       select c.*, n.ms as "nextDueMs"
         from (select min(due_at) as due_at from (
                 select due_at from ${this.schema}.work where due_at > statement_timestamp() and due_at < 'infinity' order by due_at limit 1) f) later
         cross join lateral (select (extract(epoch from later.due_at - clock_timestamp()) * 1000)::float8 as ms) n
         left join claimed c on true`,
      [limit, leaseMs, inHand],
    )) as (WorkItem & { readonly lateMs: number; readonly nextDueMs: number | null })[];
    const items = rows.filter(({ key }) => key !== null).map(({ nextDueMs: _, ...item }) => item);
    return { items, nextDueMs: rows[0]?.nextDueMs ?? undefined };
  }

  /** Extends claims. */
  async renew(tx: Transaction, items: readonly Pick<WorkItem, 'key' | 'claim'>[], leaseMs: number): Promise<void> {
    await tx.query(
      `update ${this.schema}.work w set due_at = clock_timestamp() + $3 * interval '1 millisecond'
         from unnest($1::uuid[], $2::uuid[]) i (key, claim) where w.key = i.key and w.claim = i.claim`,
      [items.map(({ key }) => key), items.map(({ claim }) => claim), leaseMs],
    );
  }

  /**
   * Settles a claimed row; one requested meanwhile is due at once. Returns whether it is due again without a request.
   * Throws `ClaimLost`.
   */
  async settle(tx: Transaction, { key, claim, revision }: WorkItem, verdict: Verdict): Promise<boolean> {
    const isGone = 'done' in verdict && (await this.remove(tx, { key, claim, revision }));
    if (isGone) return false;
    const { again, state } = 'done' in verdict ? { again: 0, state: {} } : verdict;
    const settled = (await tx.query(
      `update ${this.schema}.work
          set claim = null, attempts = 0, state = $5, urgent = urgent and ($4::float8 is not null or revision <> $3),
              due_at = case when revision <> $3 then clock_timestamp() when $4::float8 is null then 'infinity'
                            else clock_timestamp() + $4::float8 * interval '1 millisecond' end
        where key = $1 and claim = $2 returning due_at < 'infinity' as "isDue"`,
      [key, claim, revision, again === 'on-request' ? null : again, JSON.stringify(state)],
    )) as { isDue: boolean }[];
    const [row] = settled;
    if (!row) throw new ClaimLost(`the claim of ${key} has run out`);
    return row.isDue;
  }

  private async remove(
    tx: Transaction,
    { key, claim, revision }: Pick<WorkItem, 'key' | 'claim' | 'revision'>,
  ): Promise<boolean> {
    const removed = (await tx.query(
      `delete from ${this.schema}.work where key = $1 and claim = $2 and revision = $3 returning key`,
      [key, claim, revision],
    )) as unknown[];
    return removed.length > 0;
  }

  /** Gives back a row whose call failed: due again after this many milliseconds, attempts counted, state unchanged. */
  async giveBack(tx: Transaction, { key, claim }: Pick<WorkItem, 'key' | 'claim'>, afterMs: number): Promise<void> {
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
