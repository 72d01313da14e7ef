import type { Transaction } from '@tradecore/event-sourcing';
import { partitionKey, type AssignedPartition, type TopicPartition } from '@tradecore/messaging';
import { OffsetLost, ProjectionStopped } from './errors.ts';

/** Why the store has to fill in before the log can be read on. */
export type Unusable = 'never-built' | 'other-log' | 'below-log' | 'beyond-log';

/** What a member of the group found when it asked for its offsets. */
export type Claim =
  | { readonly state: 'claimed'; readonly offsets: ReadonlyMap<string, bigint> }
  | { readonly state: 'unusable'; readonly why: Unusable }
  | { readonly state: 'builder-at-work' }
  | { readonly state: 'stopped'; readonly reason: string };

/** A partition's offset before and after a batch. */
export interface Move extends TopicPartition {
  readonly from: bigint;
  readonly to: bigint;
}

/** SQL that locks, compares and moves offsets: its last CTE, `moved`, has a row for each that moved. */
export interface MoveStatement {
  readonly count: number;
  /** `first`: the number of its first parameter. */
  readonly ctes: (first: number) => string;
  readonly parameters: readonly unknown[];
}

/** The rows that say where partitions go on, in the schema of one consumer. */
export class Offsets {
  /** `state` is the table of the consumer's one row: `projection`, `consumer`. */
  constructor(
    private readonly schema: string,
    private readonly topics: readonly string[],
    private readonly state: string,
  ) {}

  /**
   * Makes `owner` the owner of the partitions and answers where they go on; a partition that is new to its topic starts at 0.
   * `log` names the log that offsets count in: another one, an offset below its start or beyond its end is unusable.
   * In a transaction of its own.
   */
  async claim(tx: Transaction, assigned: readonly AssignedPartition[], owner: string, log: string): Promise<Claim> {
    const [projection] = (await tx.query(
      `select log, stopped_reason from ${this.schema}.${this.state} for share skip locked`,
    )) as {
      log: string | null;
      stopped_reason: string | null;
    }[];
    if (!projection) return { state: 'builder-at-work' };
    if (projection.stopped_reason !== null) return { state: 'stopped', reason: projection.stopped_reason };
    const known = await this.read(tx);
    const why = this.unusable(projection.log, log, known, assigned);
    if (why) return { state: 'unusable', why };
    const rows = (await tx.query(
      `insert into ${this.schema}.offsets as p (topic, partition, next_offset, owner)
       select topic, partition, 0, $3 from unnest($1::text[], $2::int[]) as a (topic, partition) order by topic, partition
       on conflict (topic, partition) do update set owner = excluded.owner
       returning topic, partition, next_offset`,
      [assigned.map(({ topic }) => topic), assigned.map(({ partition }) => partition), owner],
    )) as (TopicPartition & { next_offset: string })[];
    return { state: 'claimed', offsets: new Map(rows.map((row) => [partitionKey(row), BigInt(row.next_offset)])) };
  }

  private unusable(
    builtOn: string | null,
    log: string,
    known: ReadonlyMap<string, bigint>,
    assigned: readonly AssignedPartition[],
  ): Unusable | undefined {
    if (builtOn === null) return 'never-built';
    if (builtOn !== log) return 'other-log';
    const topicsKnown = new Set([...known.keys()].map((key) => key.slice(0, key.lastIndexOf('/'))));
    if (this.topics.some((topic) => !topicsKnown.has(topic))) return 'never-built';
    for (const partition of assigned) {
      const next = known.get(partitionKey(partition)) ?? 0n;
      if (next < partition.startOffset) return 'below-log';
      if (next > partition.endOffset) return 'beyond-log';
    }
    return undefined;
  }

  /** All offsets of the projector, by `partitionKey`. */
  async read(tx: Transaction): Promise<Map<string, bigint>> {
    const rows = (await tx.query(`select topic, partition, next_offset from ${this.schema}.offsets where topic = any($1)`, [
      this.topics,
    ])) as (TopicPartition & { next_offset: string })[];
    return new Map(rows.map((row) => [partitionKey(row), BigInt(row.next_offset)]));
  }

  /**
   * Locks the offsets of partitions, the first thing in a batch's transaction, compares each with what this owner last wrote, and moves it to
   * `to`; others see that after the commit. Throws `OffsetLost` when one is another's, has moved, or is locked by another transaction (a builder, a
   * second owner), and `ProjectionStopped`.
   */
  async advance(tx: Transaction, moves: readonly Move[], owner: string): Promise<void> {
    const { ctes, parameters } = this.move(moves, owner);
    const moved = (await tx.query(`with ${ctes(1)} select topic, partition from moved`, [...parameters])) as TopicPartition[];
    if (moved.length === moves.length) return;
    const done = new Set(moved.map(partitionKey));
    for (const move of moves) if (!done.has(partitionKey(move))) await this.refuse(tx, move, owner);
  }

  /** What `advance` does, as a part of a larger statement. */
  move(moves: readonly Move[], owner: string): MoveStatement {
    return {
      count: moves.length,
      ctes: (first) => `
       wanted as (
         select * from unnest($${first}::text[], $${first + 1}::int[], $${first + 2}::bigint[], $${first + 3}::bigint[])
           as w (topic, partition, came_from, goes_to)),
       mine as materialized (
         select p.topic, p.partition, w.goes_to from ${this.schema}.offsets p join wanted w using (topic, partition)
          where p.owner = $${first + 4} and p.next_offset = w.came_from for update of p skip locked),
       moved as (
         update ${this.schema}.offsets p set next_offset = mine.goes_to, moved_at = clock_timestamp()
           from mine, ${this.schema}.${this.state} s
          where p.topic = mine.topic and p.partition = mine.partition and s.stopped_reason is null
         returning p.topic, p.partition)`,
      parameters: [
        moves.map(({ topic }) => topic),
        moves.map(({ partition }) => partition),
        moves.map(({ from }) => String(from)),
        moves.map(({ to }) => String(to)),
        owner,
      ],
    };
  }

  /** Says why an offset could not be moved. */
  private async refuse(tx: Transaction, move: Move, owner: string): Promise<never> {
    const [row] = (await tx.query(
      `select p.next_offset, p.owner, s.stopped_reason from ${this.schema}.offsets p, ${this.schema}.${this.state} s
        where p.topic = $1 and p.partition = $2`,
      [move.topic, move.partition],
    )) as { next_offset: string; owner: string | null; stopped_reason: string | null }[];
    const where = partitionKey(move);
    if (!row) throw new OffsetLost(`${where} has no offset`);
    if (row.stopped_reason !== null) throw new ProjectionStopped(row.stopped_reason);
    if (row.owner !== owner) throw new OffsetLost(`${where} belongs to ${row.owner ?? 'no owner'}`);
    if (BigInt(row.next_offset) !== move.from) throw new OffsetLost(`${where} is at ${row.next_offset}, not at ${move.from}`);
    throw new OffsetLost(`${where} is locked by another transaction`);
  }

  /** Replaces all offsets: they have no owner, so that each instance has to claim again. For a builder, which holds the projection. */
  async replace(tx: Transaction, ends: ReadonlyMap<string, ReadonlyMap<number, bigint>>, log: string): Promise<void> {
    await tx.query(`delete from ${this.schema}.offsets`);
    await this.insert(tx, ends);
    await tx.query(`update ${this.schema}.${this.state} set log = $1, start_over = false, built_at = clock_timestamp()`, [log]);
  }

  /** Locks the consumer's row to make offsets usable; `undefined` when another instance is at it. `replayFrom`: what an operator asked for. */
  async beginning(tx: Transaction): Promise<{ readonly replayFrom: string | null } | undefined> {
    const [row] = (await tx.query(
      `select to_char(replay_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "replayFrom"
         from ${this.schema}.${this.state} for update skip locked`,
    )) as { replayFrom: string | null }[];
    return row;
  }

  /** Where there is no offset yet, one at these offsets; the log is `log` from now on. Offsets that are there stay. */
  async begin(tx: Transaction, offsets: ReadonlyMap<string, ReadonlyMap<number, bigint>>, log: string): Promise<void> {
    await this.insert(tx, offsets);
    await tx.query(`update ${this.schema}.${this.state} set log = $1, replay_from = null`, [log]);
  }

  private async insert(tx: Transaction, offsets: ReadonlyMap<string, ReadonlyMap<number, bigint>>): Promise<void> {
    const rows = [...offsets].flatMap(([topic, partitions]) =>
      [...partitions].map(([partition, offset]) => ({ topic, partition, next_offset: String(offset) })),
    );
    await tx.query(
      `insert into ${this.schema}.offsets (topic, partition, next_offset)
       select topic, partition, next_offset from jsonb_to_recordset($1::jsonb) as (topic text, partition int, next_offset bigint)
       on conflict do nothing`,
      [JSON.stringify(rows)],
    );
  }

  /** Whether the projection has to be built anew. */
  async rebuildRequested(connection: Transaction): Promise<boolean> {
    const rows = (await connection.query(`select from ${this.schema}.${this.state} where log is null`)) as unknown[];
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
