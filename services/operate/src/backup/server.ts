import { poolLimits } from '@tradecore/event-sourcing';
import { logger } from '@tradecore/telemetry';
import { DataSource } from 'typeorm';
import type { ServerIdentity } from './folder.ts';
import { Refused } from '../operations.ts';

const log = logger('backup');

/** What the server says at one moment. */
export interface ServerState extends ServerIdentity {
  /** RFC 3339, by its clock. */
  readonly now: string;
  /** How far its WAL is on its disk. */
  readonly flushed: bigint;
  readonly superuser: string;
  readonly database: string;
  /** The slot of the backup; absent where there is none. */
  readonly slot?: { readonly isLost: boolean; readonly received: bigint };
}

/** The server whose backup is taken, as the login `backup` sees it. */
export class BackedUpServer {
  readonly #dataSource: DataSource;

  constructor(
    readonly url: string,
    readonly slotName: string,
  ) {
    if (url === '') throw new Refused('DATABASE_URL is missing: the database as the login `backup` sees it.');
    this.#dataSource = new DataSource({
      type: 'postgres',
      url,
      applicationName: 'backup',
      poolSize: 1,
      installExtensions: false,
      extra: poolLimits(10_000),
    });
  }

  /** Asks for all of it; connects where it is not connected. */
  async state(): Promise<ServerState> {
    const [row] = await this.#query<StateRow>(stateSql, [this.slotName]);
    if (!row) throw new Error('the server did not say what it is');
    if (row.following) throw new Refused('The server is a standby: DATABASE_URL names the primary.');
    const { systemIdentifier, timeline, now, flushed, superuser, database, received, isLost } = row;
    return {
      ...{ systemIdentifier, timeline: Number.parseInt(timeline, 16), now, superuser, database },
      flushed: BigInt(flushed),
      ...(isLost !== null && { slot: { isLost, received: BigInt(received ?? 0) } }),
    };
  }

  /** Makes the slot anew: from this moment on the server keeps WAL until it is received. */
  async renewSlot({ slot }: ServerState): Promise<void> {
    if (slot) await this.#query('select pg_drop_replication_slot($1)', [this.slotName]);
    await this.#query('select pg_create_physical_replication_slot($1, true)', [this.slotName]);
  }

  /** Stores an operation. A base stands without its record too: that is only logged. */
  async record(base: string, bytes: number, why: string): Promise<void> {
    const asked = this.#query('select operate.record_backup($1, $2, $3)', [JSON.stringify({ base }), why, `${bytes} bytes`]);
    await asked.catch((error: unknown) => log.warn({ err: error, base }, 'the base is taken, and no record of it was stored'));
  }

  async close(): Promise<void> {
    if (this.#dataSource.isInitialized) await this.#dataSource.destroy();
  }

  async #query<Row>(sql: string, parameters: unknown[]): Promise<Row[]> {
    if (!this.#dataSource.isInitialized) await this.#dataSource.initialize();
    return this.#dataSource.query(sql, parameters);
  }
}

interface StateRow {
  readonly systemIdentifier: string;
  /** In hexadecimal digits, as names of WAL begin with it. */
  readonly timeline: string;
  readonly following: boolean;
  readonly now: string;
  readonly flushed: string;
  readonly superuser: string;
  readonly database: string;
  readonly received: string | null;
  readonly isLost: boolean | null;
}

/** `unreserved`: what the slot needs is still there, and may go at the next checkpoint. */
const stateSql = `select system_identifier::text as "systemIdentifier", pg_is_in_recovery() as following,
    case when pg_is_in_recovery() then '0' else left(pg_walfile_name(pg_current_wal_flush_lsn()), 8) end as timeline,
    to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now,
    (case when pg_is_in_recovery() then '0/0' else pg_current_wal_flush_lsn() end - '0/0'::pg_lsn)::text as flushed,
    (select rolname from pg_roles where oid = 10) as superuser, current_database() as database,
    (s.restart_lsn - '0/0'::pg_lsn)::text as received, case when s.slot_name is not null then s.wal_status = 'lost' or s.restart_lsn is null end as "isLost"
  from pg_control_system() left join pg_replication_slots s on s.slot_name = $1`;
