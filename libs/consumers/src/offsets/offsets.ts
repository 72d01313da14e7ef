import type { Transaction } from '@tradecore/event-sourcing';
import { markOf, partitionKey, partitionOf, type AssignedPartition, type TopicPartition } from '@tradecore/messaging';
import { OffsetLost, ProjectionStopped } from './errors.ts';
import type { StartingOffset } from './starting-offsets.ts';

/** Why events must come from the store before the log can be read further. */
export type Unusable = 'never-built' | 'older-version' | 'other-log' | 'below-log' | 'beyond-log';

/** An unusable offset: which one (the key of its partition, a topic, a log), and why. */
export interface UnusableOffset {
  readonly why: Unusable;
  readonly where: string;
  /** The offset itself, if there is one. */
  readonly next?: bigint;
}

/** The log that offsets refer to. */
export interface Log {
  /** Cluster id and namespace. */
  readonly name: string;
  /** Ids of its topics, where the broker has them. */
  readonly topicIds: ReadonlyMap<string, string>;
}

/** The result when a group member claims its offsets. */
export type Claim =
  | { readonly state: 'claimed'; readonly offsets: ReadonlyMap<string, bigint> }
  | ({ readonly state: 'unusable' } & UnusableOffset)
  | { readonly state: 'builder-at-work' }
  | { readonly state: 'newer-version'; readonly reason: string }
  | { readonly state: 'stopped'; readonly reason: string };

/** Which consumer the offsets belong to. */
export interface OffsetsOf {
  readonly schema: string;
  readonly topics: readonly string[];
  /** The table with the consumer's single row. */
  readonly state: 'projection' | 'consumer';
  /** Of a projector: the version of its fold. Rows of another version are neither claimed nor written. */
  readonly version?: number | undefined;
}

/** A partition's offset before and after a batch, and the mark of its log; without a mark the previous one stays. */
export interface Move extends TopicPartition {
  readonly from: bigint;
  readonly to: bigint;
  readonly mark?: string | undefined;
}

/** The offset of a partition, and the log it refers to. */
interface Stored {
  readonly next: bigint;
  readonly mark: string | null;
}

/** SQL that locks, compares and moves offsets: its last CTE, `moved`, has a row for each offset moved. */
export interface MoveStatement {
  readonly count: number;
  /** `first`: the number of its first parameter. */
  readonly ctes: (first: number) => string;
  readonly parameters: readonly unknown[];
}

/** The key of a partition's mark in the set of all marks. */
export const markKey = (partition: string, mark: string): string => `${partition} ${mark}`;

/**
 * The instance that makes offsets usable must renew its claim within this time; when it dies, another takes over after
 * it.
 */
const beginnerMs = 5_000;
/** Well before it expires. */
export const renewMs = beginnerMs / 4;

/** Why the offset of a partition cannot be used. */
function unusableIn(
  partition: AssignedPartition,
  known: ReadonlyMap<string, Stored>,
  others: ReadonlySet<string>,
): UnusableOffset | undefined {
  const where = partitionKey(partition);
  const { next, mark } = known.get(where) ?? { next: 0n, mark: null };
  if (mark !== null && others.has(markKey(where, mark))) return { why: 'other-log', where };
  if (next < partition.startOffset) return { why: 'below-log', where };
  if (next > partition.endOffset) return { why: 'beyond-log', where, next };
  return undefined;
}

/** Whether rows of version `built` are too new for a fold of version `own`. */
export const isNewerVersion = (built: number | null, own: number | undefined): boolean =>
  built !== null && own !== undefined && built > own;

/** Why a fold of version `own` leaves rows alone. */
export const otherVersion = (built: number | null, own: number | undefined): string =>
  `the rows are of version ${built}, this build folds version ${own}`;

/** The rows with the offset of each partition, in the schema of one consumer. */
export class Offsets {
  private readonly schema: string;
  private readonly topics: readonly string[];
  private readonly state: string;
  private readonly version: number | undefined;

  constructor({ schema, topics, state, version }: OffsetsOf) {
    this.schema = schema;
    this.topics = topics;
    this.state = state;
    this.version = version;
  }

  /**
   * Makes `owner` the owner of the partitions and returns their offsets; a partition new to its topic starts at 0.
   * Unusable: rows built by an older version of the fold, and an offset in a log other than `log`, below its start or
   * beyond its end. `others`: marks of another log, as `markKey`. Runs in its own transaction.
   */
  async claim(
    tx: Transaction,
    assigned: readonly AssignedPartition[],
    { owner, log, others = new Set() }: { readonly owner: string; readonly log: Log; readonly others?: ReadonlySet<string> },
  ): Promise<Claim> {
    const [projection] = (await tx.query(
      `select log, ${this.versionColumn()} as version, stopped_reason from ${this.schema}.${this.state} for share skip locked`,
    )) as { log: string | null; version: number | null; stopped_reason: string | null }[];
    if (!projection) return { state: 'builder-at-work' };
    if (projection.stopped_reason !== null) return { state: 'stopped', reason: projection.stopped_reason };
    if (isNewerVersion(projection.version, this.version))
      return { state: 'newer-version', reason: otherVersion(projection.version, this.version) };
    const known = await this.read(tx);
    const unusable = this.unusable(projection, log, known, { assigned, others });
    if (unusable) return { state: 'unusable', ...unusable };
    const rows = (await tx.query(
      `insert into ${this.schema}.offsets as p (topic, partition, next_offset, mark, owner)
       select topic, partition, 0, mark, $4 from unnest($1::text[], $2::int[], $3::text[]) as a (topic, partition, mark)
        order by topic, partition
       on conflict (topic, partition) do update set owner = excluded.owner
       returning topic, partition, next_offset`,
      [
        assigned.map(({ topic }) => topic),
        assigned.map(({ partition }) => partition),
        assigned.map(({ topic }) => markOf(log.topicIds.get(topic))),
        owner,
      ],
    )) as (TopicPartition & { next_offset: string })[];
    return { state: 'claimed', offsets: new Map(rows.map((row) => [partitionKey(row), BigInt(row.next_offset)])) };
  }

  /** Processes and intakes have no version: they decide, and nothing is rebuilt. */
  private versionColumn(): string {
    return this.version === undefined ? 'null::int' : 'version';
  }

  private unusable(
    { log: builtOn, version }: { readonly log: string | null; readonly version: number | null },
    log: Log,
    known: ReadonlyMap<string, Stored>,
    { assigned, others }: { readonly assigned: readonly AssignedPartition[]; readonly others: ReadonlySet<string> },
  ): UnusableOffset | undefined {
    if (builtOn === null) return { why: 'never-built', where: log.name };
    if (this.version !== undefined && version !== this.version) return { why: 'older-version', where: String(version) };
    if (builtOn !== log.name) return { why: 'other-log', where: log.name };
    const topicsKnown = new Set([...known.keys()].map((key) => partitionOf(key).topic));
    const newTopic = this.topics.find((topic) => !topicsKnown.has(topic));
    if (newTopic !== undefined) return { why: 'never-built', where: newTopic };
    return assigned.map((partition) => unusableIn(partition, known, others)).find((found) => found !== undefined);
  }

  /** All offsets of the consumer, by `partitionKey`. */
  private async read(tx: Transaction): Promise<Map<string, Stored>> {
    const rows = (await tx.query(`select topic, partition, next_offset, mark from ${this.schema}.offsets where topic = any($1)`, [
      this.topics,
    ])) as (TopicPartition & { next_offset: string; mark: string | null })[];
    return new Map(rows.map((row) => [partitionKey(row), { next: BigInt(row.next_offset), mark: row.mark }]));
  }

  /** The marks stored with the offsets, by `partitionKey`. */
  async marks(connection: Transaction): Promise<Map<string, string>> {
    return new Map([...(await this.read(connection))].flatMap(([key, { mark }]) => (mark === null ? [] : [[key, mark]])));
  }

  /**
   * The first step of a batch's transaction: locks the partitions' offsets, compares each with what this owner last
   * wrote, and moves it to `to`; others see that after the commit. Throws `OffsetLost` when an offset belongs to
   * another owner, has moved, or is locked by another transaction (a builder, a second owner), and `ProjectionStopped`.
   */
  async advance(tx: Transaction, moves: readonly Move[], owner: string): Promise<void> {
    const { ctes, parameters } = this.move(moves, owner);
    const moved = (await tx.query(`with ${ctes(1)} select topic, partition from moved`, [...parameters])) as TopicPartition[];
    if (moved.length === moves.length) return;
    const done = new Set(moved.map(partitionKey));
    for (const move of moves) if (!done.has(partitionKey(move))) await this.refuse(tx, move, owner);
  }

  /** Does the same as `advance`, as part of a larger statement. */
  move(moves: readonly Move[], owner: string): MoveStatement {
    return {
      count: moves.length,
      ctes: (first) => `
       wanted as (
         select * from unnest($${first}::text[], $${first + 1}::int[], $${first + 2}::bigint[], $${first + 3}::bigint[], $${first + 4}::text[])
           as w (topic, partition, came_from, goes_to, mark)),
       mine as materialized (
         select p.topic, p.partition, w.goes_to, coalesce(w.mark, p.mark) as mark from ${this.schema}.offsets p join wanted w using (topic, partition)
          where p.owner = $${first + 5} and p.next_offset = w.came_from for update of p skip locked),
       moved as (
         update ${this.schema}.offsets p set next_offset = mine.goes_to, mark = mine.mark, moved_at = clock_timestamp()
           from mine, ${this.schema}.${this.state} s
          where p.topic = mine.topic and p.partition = mine.partition and s.stopped_reason is null
            ${this.version === undefined ? '' : `and s.version = $${first + 6}`}
         returning p.topic, p.partition)`,
      parameters: [
        moves.map(({ topic }) => topic),
        moves.map(({ partition }) => partition),
        moves.map(({ from }) => String(from)),
        moves.map(({ to }) => String(to)),
        moves.map(({ mark }) => mark ?? null),
        owner,
        ...(this.version === undefined ? [] : [this.version]),
      ],
    };
  }

  /** Throws with the reason why an offset could not be moved. */
  private async refuse(tx: Transaction, move: Move, owner: string): Promise<never> {
    const [row] = (await tx.query(
      `select p.next_offset, p.owner, s.stopped_reason, ${this.versionColumn()} as version from ${this.schema}.offsets p, ${this.schema}.${this.state} s
        where p.topic = $1 and p.partition = $2`,
      [move.topic, move.partition],
    )) as { next_offset: string; owner: string | null; stopped_reason: string | null; version: number | null }[];
    const where = partitionKey(move);
    if (!row) throw new OffsetLost(`${where} has no offset`);
    if (row.stopped_reason !== null) throw new ProjectionStopped(row.stopped_reason);
    if (this.version !== undefined && row.version !== this.version)
      throw new OffsetLost(`${where}: ${otherVersion(row.version, this.version)}`);
    if (row.owner !== owner) throw new OffsetLost(`${where} belongs to ${row.owner ?? 'no owner'}`);
    if (BigInt(row.next_offset) !== move.from) throw new OffsetLost(`${where} is at ${row.next_offset}, not at ${move.from}`);
    throw new OffsetLost(`${where} is locked by another transaction`);
  }

  /**
   * Replaces all offsets of rows that this version has built. The new ones have no owner, so that each instance has to
   * claim again. For a builder, which holds the projection.
   */
  async replace(tx: Transaction, offsets: readonly StartingOffset[], log: Log): Promise<void> {
    await tx.query(`delete from ${this.schema}.offsets`);
    await this.insert(tx, offsets);
    await tx.query(
      `update ${this.schema}.${this.state} set log = $1, version = $2, start_over = false, built_at = clock_timestamp()`,
      [log.name, this.version],
    );
  }

  /**
   * Lets `beginner` make the offsets usable for a limited time; `undefined` when another instance is doing so.
   * `replayFrom`: what an operator asked for. A claim, not a lock: replaying the store may take hours, and a
   * transaction open for that long is ended by the server and holds back vacuum.
   */
  async beginning(connection: Transaction, beginner: string): Promise<{ readonly replayFrom: string | null } | undefined> {
    const [row] = (await connection.query(
      `update ${this.schema}.${this.state} set beginner = $1, beginner_until = clock_timestamp() + $2 * interval '1 ms'
        where beginner is null or beginner_until < clock_timestamp()
       returning to_char(replay_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "replayFrom"`,
      [beginner, beginnerMs],
    )) as { replayFrom: string | null }[];
    return row;
  }

  /** Renews the claim of `beginner`. False when it has ended: an operator asked again, or another instance has it. */
  async renew(connection: Transaction, beginner: string): Promise<boolean> {
    const rows = (await connection.query(
      `update ${this.schema}.${this.state} set beginner_until = clock_timestamp() + $2 * interval '1 ms' where beginner = $1 returning one`,
      [beginner, beginnerMs],
    )) as unknown[];
    return rows.length > 0;
  }

  /** Gives up the claim of `beginner` with nothing done. */
  async giveUp(connection: Transaction, beginner: string): Promise<void> {
    await connection.query(`update ${this.schema}.${this.state} set beginner = null where beginner = $1`, [beginner]);
  }

  /**
   * Stores these offsets where there are none yet; the log is `log` from now on. Existing offsets stay. False when the
   * claim has ended.
   */
  async begin(
    tx: Transaction,
    beginner: string,
    { starts, log }: { readonly starts: readonly StartingOffset[]; readonly log: Log },
  ): Promise<boolean> {
    const rows = (await tx.query(
      `update ${this.schema}.${this.state} set log = $1, replay_from = null, beginner = null where beginner = $2 returning one`,
      [log.name, beginner],
    )) as unknown[];
    if (rows.length > 0) await this.insert(tx, starts);
    return rows.length > 0;
  }

  private async insert(tx: Transaction, offsets: readonly StartingOffset[]): Promise<void> {
    await tx.query(
      `insert into ${this.schema}.offsets (topic, partition, next_offset, mark)
       select topic, partition, next, mark from jsonb_to_recordset($1::jsonb) as (topic text, partition int, next bigint, mark text)
       on conflict do nothing`,
      [JSON.stringify(offsets.map(({ next, ...where }) => ({ ...where, next: String(next) })))],
    );
  }

  /**
   * Whether the offsets must be claimed again: an operator asked to begin again, or the rows are behind what was stored
   * here, since the database was restored or failed over.
   */
  async mustBeClaimed(connection: Transaction, stored: ReadonlyMap<string, bigint>): Promise<boolean> {
    const where = [...stored.keys()].map(partitionOf);
    const rows = (await connection.query(
      `select from ${this.schema}.${this.state} s where s.log is null or exists (
         select from unnest($1::text[], $2::int[], $3::bigint[]) w (topic, partition, next)
           join ${this.schema}.offsets o using (topic, partition) where o.next_offset < w.next)`,
      [where.map(({ topic }) => topic), where.map(({ partition }) => partition), [...stored.values()].map(String)],
    )) as unknown[];
    return rows.length > 0;
  }

  /** Stops the projection for all its instances. The first reason stays. */
  async stop(tx: Transaction, reason: string): Promise<void> {
    await tx.query(
      `update ${this.schema}.${this.state} set stopped_reason = $1, stopped_at = clock_timestamp() where stopped_reason is null`,
      [reason],
    );
  }
}
