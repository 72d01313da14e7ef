import type { RecordedEvent } from '@tradecore/events';
import { DatabaseClient } from '../sessions/database-client.ts';
import type { Transaction } from '../store/sql-event-store.ts';

/** An event as the relay sends it: topic, key, and the stored text of its data, byte for byte. */
export interface OutboxEvent extends Omit<RecordedEvent, 'data'> {
  readonly topic: string;
  readonly key: string;
  /** `event_data::text`. */
  readonly dataText: string;
  /** Which events were stored together, and how many; null when no longer known. */
  readonly save: string | null;
}

/**
 * Names at the broker include the store's identity, so that another store's relay never continues this one's position.
 */
export const relayNames = (storeId: string): { readonly group: string; readonly transactionalId: string } => ({
  group: `outbox-relay.${storeId}`,
  transactionalId: `outbox-relay.${storeId}`,
});

/** The right to relay: held until released, lost, or taken over after `leaseSeconds` without a heartbeat. */
export interface Lease {
  readonly owner: string;
  /** Raised each time the lease is taken: calls with an older number are refused. */
  readonly fence: bigint;
  /** The store's identity, part of the names at the broker. */
  readonly storeId: string;
}

/** Why the relay halted, kept for the operator: the store's batch and the broker's position did not agree. */
export interface HaltReason {
  readonly why: string;
  /** The last batch recorded in the store; `"0"` for none. */
  readonly batch: string;
  /** The position committed at the broker; null for none. */
  readonly position: string | null;
}

/** The answer to a request for the lease. */
export type LeaseAnswer =
  | { readonly state: 'taken'; readonly lease: Lease }
  | { readonly state: 'held'; readonly owner: string }
  | { readonly state: 'halted'; readonly reason: HaltReason };

/** The last batch recorded. */
export interface CurrentBatch {
  /** 0: none yet. */
  readonly number: bigint;
  /** The broker has acknowledged it, and its rows are deleted. */
  readonly settled: boolean;
  /** Its events, in order; empty when settled. */
  readonly events: readonly OutboxEvent[];
  /** Some of its rows or events are missing: something else changed the tables. */
  readonly damaged: boolean;
}

/** Limits of one batch. */
export interface BatchLimits {
  readonly rows: number;
  /** Data and headers; one event is always taken. */
  readonly bytes: number;
}

/** Another relay has the lease, or the relay is halted: waiting for an operator. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** What is still unpublished. */
export interface Backlog {
  /** Rows, counted up to 100,000. */
  readonly depth: number;
  /** Age of the first row's event; 0 when there is none. */
  readonly oldestSeconds: number;
  /** Nothing is decided or stored. */
  readonly storeClosed: boolean;
  /** The store is on a different server or timeline than before, and no operator has acknowledged it. */
  readonly storeMoved: boolean;
}

/** Measures what is still unpublished. */
export async function readBacklog(database: Transaction): Promise<Backlog> {
  const [backlog] = (await database.query(
    `with waiting as (select * from event_outbox where seq > (select floor from outbox_relay where shard = 0))
     select (select count(*) from (select from waiting limit 100000) as counted)::int as depth,
       greatest(0, (select extract(epoch from clock_timestamp() - e.timestamp)::float8 from waiting o
         join event_store e using (event_id) order by o.seq limit 1)) as "oldestSeconds",
       closed_at is not null as "storeClosed", moved_at is not null as "storeMoved" from store_identity`,
  )) as [Backlog];
  return backlog;
}

/** How to reach the outbox. */
export interface OutboxOptions {
  /**
   * A login with the relay's role. A direct connection: behind a transaction pooler, only the heartbeat reveals a dead
   * owner.
   */
  readonly url: string;
  /** Identifies this relay in the lease; unique among running ones. */
  readonly owner: string;
  /** Seconds without a heartbeat after which the lease may be taken; 5 when absent. */
  readonly leaseSeconds?: number;
}

/**
 * The lease is free when released, ours, too long without a heartbeat, or when its owner's session is gone (a killed
 * process). Taking it again does not renew it: a relay that reaches the database but not the broker must not keep it.
 */
const takeLease = `
  update outbox_relay r set owner = $1, fence = fence + 1, session_pid = pg_backend_pid(),
    session_start = (select backend_start from pg_stat_activity where pid = pg_backend_pid()),
    heartbeat_at = case when owner = $1 then heartbeat_at else clock_timestamp() end
  where shard = 0 and halted_at is null
    and (owner is null or owner = $1 or heartbeat_at < clock_timestamp() - make_interval(secs => $2)
      or not exists (select from pg_stat_activity a
        where a.pid = r.session_pid and (a.backend_start = r.session_start or a.backend_start is null)))
  returning fence, (select store_id from store_identity)`;

/**
 * An owner frozen while receiving a batch leaves its session blocked mid-statement, with the lease's row locked.
 * Its heartbeat is too old by then: end the session from here.
 */
const endFrozenOwner = `
  select pg_terminate_backend(a.pid) from outbox_relay r
  join pg_stat_activity a on a.pid = r.session_pid and a.backend_start = r.session_start and a.pid <> pg_backend_pid()
  where r.shard = 0 and r.heartbeat_at < clock_timestamp() - make_interval(secs => $1)`;

const currentBatch = `
  select b.batch, b.settled, cardinality(b.seqs) as rows, held.owner is not null as held
  from (select) one
  left join (select owner from outbox_relay where shard = 0 and owner = $1 and fence = $2 and halted_at is null) held on true
  left join (select * from outbox_batch order by batch desc limit 1) b on true`;

/** An `OutboxEvent`, of the columns that `relay_next_batch` returns. */
const asOutboxEvent = `topic, key, event_id as id, aggregate_id as "aggregateId", aggregate_type as "aggregateType",
  aggregate_version as "aggregateVersion", event_type as type, schema_version as "schemaVersion", event_data as "dataText",
  event_time as time, correlation_id as "correlationId", causation_id as "causationId", saga_id as "sagaId", metadata, save`;

const batchEvents = `
  select ${asOutboxEvent} from (select n.seq, o.topic, o.key, e.event_id, e.aggregate_id, e.aggregate_type, e.aggregate_version,
    e.event_type, e.schema_version, e.event_data::text,
    to_char(e.timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as event_time,
    e.correlation_id, e.causation_id, e.saga_id, e.metadata, o.save
  from outbox_batch b cross join unnest(b.seqs, b.event_ids) as n (seq, event_id)
  join event_outbox o on o.seq = n.seq and o.event_id = n.event_id
  join event_store e on e.event_id = n.event_id
  where b.batch = $1) as batch order by seq`;

const lockTimeoutMs = 1_000;
const statementTimeoutMs = 10_000;
const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code;

/**
 * One session with the outbox: the relay's statements. One call at a time. After any error but `LeaseLost`, close it
 * and reconnect.
 */
export class Outbox {
  private constructor(
    private readonly client: DatabaseClient,
    private readonly owner: string,
    private readonly leaseSeconds: number,
  ) {}

  /** Opens the session. Throws what `pg` throws. */
  static async connect({ url, owner, leaseSeconds = 5 }: OutboxOptions): Promise<Outbox> {
    const client = new DatabaseClient({
      connectionString: url,
      application_name: 'outbox-relay',
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + 2_000,
      lock_timeout: lockTimeoutMs,
    });
    try {
      await client.connect();
    } catch (error) {
      await client.end();
      throw error;
    }
    return new Outbox(client, owner, leaseSeconds);
  }

  /** Takes the lease without waiting if it is free or already this owner's. */
  async takeLease(): Promise<LeaseAnswer> {
    try {
      const taken = await this.client.query<{ fence: string; store_id: string }>(takeLease, [this.owner, this.leaseSeconds]);
      const row = taken.rows[0];
      if (row) return { state: 'taken', lease: { owner: this.owner, fence: BigInt(row.fence), storeId: row.store_id } };
    } catch (error) {
      if (codeOf(error) !== '55P03') throw error; // lock_not_available
      await this.client.query(endFrozenOwner, [this.leaseSeconds]);
    }
    const { rows } = await this.client.query<{ owner: string | null; halted_reason: HaltReason | null }>(
      'select owner, halted_reason from outbox_relay where shard = 0',
    );
    const reason = rows[0]?.halted_reason;
    return reason ? { state: 'halted', reason } : { state: 'held', owner: rows[0]?.owner ?? '' };
  }

  /** Moves the heartbeat. Throws `LeaseLost`. */
  async renewLease({ owner, fence }: Lease): Promise<void> {
    const { rowCount } = await this.client.query(
      'update outbox_relay set heartbeat_at = clock_timestamp() where shard = 0 and owner = $1 and fence = $2 and halted_at is null',
      [owner, fence],
    );
    if (rowCount !== 1) throw new LeaseLost('the lease is no longer ours');
  }

  /** Releases the lease, so that a relay standing by need not wait. A lease already lost is not an error. */
  async releaseLease({ owner, fence }: Lease): Promise<void> {
    await this.client.query('update outbox_relay set owner = null where shard = 0 and owner = $1 and fence = $2', [owner, fence]);
  }

  /** The last batch recorded, read under the lease. Throws `LeaseLost`. */
  async currentBatch({ owner, fence }: Lease): Promise<CurrentBatch> {
    const { rows } = await this.client.query<{ batch: string | null; settled: boolean; rows: number; held: boolean }>(
      currentBatch,
      [owner, fence],
    );
    const row = rows[0];
    if (!row?.held) throw new LeaseLost('the lease is no longer ours');
    if (row.batch === null) return { number: 0n, settled: true, events: [], damaged: false };
    const number = BigInt(row.batch);
    if (row.settled) return { number, settled: true, events: [], damaged: false };
    const { rows: events } = await this.client.query<OutboxEvent>(batchEvents, [row.batch]);
    return { number, settled: false, events, damaged: events.length !== row.rows };
  }

  /**
   * Statement (1) of the loop: deletes the rows of batch `acknowledged`, records the next rows as batch `acknowledged +
   * 1` and returns them; none = nothing to send, no batch recorded. `peek`: the heartbeat is recent; if only rows of
   * batch `acknowledged` are left, write nothing. Throws `LeaseLost`.
   */
  async nextBatch(
    lease: Lease,
    acknowledged: bigint,
    { rows, bytes, peek }: BatchLimits & { readonly peek: boolean },
  ): Promise<OutboxEvent[]> {
    try {
      const result = await this.client.query<OutboxEvent>({
        name: 'relay_next_batch',
        text: `select ${asOutboxEvent} from relay_next_batch($1, $2, $3, $4, $5, $6)`,
        values: [lease.owner, lease.fence, acknowledged, peek, rows, bytes],
      });
      return result.rows;
    } catch (error) {
      if (codeOf(error) === 'TC001') throw new LeaseLost('the lease is no longer ours', { cause: error });
      throw error;
    }
  }

  /** Asks writers to notify the relay for this many seconds; 0: to stop. */
  async listenFor(seconds: number): Promise<void> {
    await this.client.query(
      'update relay_state set asleep_until = clock_timestamp() + make_interval(secs => $1) where shard = 0',
      [seconds],
    );
  }

  /**
   * Stops every relay of this store until an operator decides; `closesStore`: also closes the store, in the same
   * transaction. Throws `LeaseLost`.
   */
  async halt({ owner, fence }: Lease, reason: HaltReason, closesStore: boolean): Promise<void> {
    const { rows } = await this.client.query<{ halted: boolean }>('select relay_halt($1, $2, $3, $4) as halted', [
      owner,
      fence,
      JSON.stringify(reason),
      closesStore,
    ]);
    if (!rows[0]?.halted) throw new LeaseLost('the lease is no longer ours');
  }

  /**
   * Records the store's server and timeline. Returns the previous place if it differs and no operator has acknowledged
   * it.
   */
  async noteServer(): Promise<string | undefined> {
    const { rows } = await this.client.query<{ moved: string | null }>('select relay_note_server() as moved');
    return rows[0]?.moved ?? undefined;
  }

  /** Ends the session. Never throws. */
  close(): Promise<void> {
    return this.client.end();
  }
}
