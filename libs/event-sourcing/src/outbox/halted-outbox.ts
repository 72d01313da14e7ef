import type { Catalogue, RecordedEvent } from '@tradecore/events';
import { DatabaseClient } from '../sessions/database-client.ts';
import type { HaltReason } from './outbox.ts';

/** What an operator's decision found and did; with `dryRun`, what it would have done. */
export interface Resumed {
  /** Rows that were waiting though the topics hold their events: taken out. */
  readonly alreadyPublished: number;
  /** Stored events that neither the topics nor the outbox held: put in, to be published now. */
  readonly missing: number;
  /** Of those: events with a later version of the same aggregate on a topic already. Readers fill such gaps from the store. */
  readonly outOfOrder: number;
  /** Events on the topics that this store does not hold. */
  readonly foreign: number;
  /** Some of them, at most ten. */
  readonly foreignIds: readonly string[];
}

/** What the topics hold, and from when on the store is compared with it. */
export interface Decision {
  /** Ids of all events on the topics that are as old as `since` or younger, and of all that wait in the outbox and are on the topics. */
  readonly published: readonly string[];
  /** RFC 3339. Stored events from this time on that are not published are published. Before it, only the outbox counts. */
  readonly since: string;
  /** The broker's position; nothing when it has none. */
  readonly position: bigint | undefined;
  readonly catalogue: Catalogue;
  readonly dryRun?: boolean;
}

/** The outbox is not halted: there is nothing to decide. */
export class NotHalted extends Error {
  override readonly name = 'NotHalted';
}

interface MissingRow {
  position: string;
  event_id: string;
  aggregate_id: string;
  aggregate_type: string;
  event_type: string;
  schema_version: number;
  /** Only of types whose key is made from the data. */
  event_data: RecordedEvent['data'] | null;
}

const findMissing = `
  select e.position, e.event_id, e.aggregate_id, e.aggregate_type, e.event_type, e.schema_version,
    case when e.aggregate_type = any ($2) then e.event_data end as event_data
  from event_store e
  where e.timestamp >= $1
    and not exists (select from published p where p.event_id = e.event_id)
    and not exists (select from event_outbox o where o.event_id = e.event_id)
  order by e.position`;

const countOutOfOrder = `
  select count(*)::int as n from event_store e
  where e.event_id = any ($1) and exists (
    select from event_store later join published p using (event_id)
    where later.aggregate_id = e.aggregate_id and later.aggregate_version > e.aggregate_version)`;

/** The outbox and the store are compared whole. */
const statementMs = 600_000;

const findForeign = `select p.event_id from published p where not exists (select from event_store e where e.event_id = p.event_id)`;

/** A halted outbox in an operator's hands. Relays wait until it is decided. */
export class HaltedOutbox {
  private constructor(
    private readonly client: DatabaseClient,
    /** Why the relay stopped. */
    readonly reason: HaltReason,
    readonly storeId: string,
  ) {}

  /** Opens it; a login with the relay's rights is enough. Throws `NotHalted`. */
  static async open(url: string): Promise<HaltedOutbox> {
    const client = new DatabaseClient({
      connectionString: url,
      application_name: 'outbox-relay resume',
      query_timeout: statementMs,
    });
    const rows = await lockRow(client).catch(async (error: unknown) => {
      await client.end();
      throw error;
    });
    const row = rows[0];
    if (!row?.halted_reason) {
      await client.end();
      throw new NotHalted('the relay is not halted: there is nothing to decide');
    }
    return new HaltedOutbox(client, row.halted_reason, row.store_id);
  }

  /** The ids that wait to be published. */
  async waiting(): Promise<Set<string>> {
    const { rows } = await this.client.query<{ event_id: string }>('select event_id from event_outbox');
    return new Set(rows.map(({ event_id }) => event_id));
  }

  /** Makes the outbox hold exactly what the topics lack, takes the broker's position for ours, and lets the relay go on; all of it or nothing. */
  async decide({ published, since, position, catalogue, dryRun = false }: Decision): Promise<Resumed> {
    await this.client.query('create temporary table published (event_id uuid primary key) on commit drop');
    await this.client.query('insert into published select distinct unnest($1::uuid[])', [published]);
    await this.client.query('analyze published');
    const removed = await this.client.query('delete from event_outbox o using published p where p.event_id = o.event_id');
    const keyed = Object.values(catalogue).flatMap(({ type, keyOf }) => (keyOf ? type : []));
    const { rows: missing } = await this.client.query<MissingRow>(findMissing, [since, keyed]);
    await this.enqueue(missing, catalogue);
    const outOfOrder = await this.client.query<{ n: number }>(countOutOfOrder, [missing.map(({ event_id }) => event_id)]);
    const foreign = await this.client.query<{ event_id: string }>(findForeign);
    await this.adopt(position);
    await this.client.query(dryRun ? 'rollback' : 'commit');
    return {
      alreadyPublished: removed.rowCount ?? 0,
      missing: missing.length,
      outOfOrder: outOfOrder.rows[0]?.n ?? 0,
      foreign: foreign.rows.length,
      foreignIds: foreign.rows.slice(0, 10).map(({ event_id }) => event_id),
    };
  }

  /** Ends the session; without a decision the outbox stays halted. */
  async close(): Promise<void> {
    await this.client.end();
  }

  private async enqueue(missing: readonly MissingRow[], catalogue: Catalogue): Promise<void> {
    const rows = missing.map((row) => {
      const declaration = catalogue[row.aggregate_type];
      if (!declaration) throw new Error(`event ${row.event_id} is of type ${row.aggregate_type}, which this build does not know`);
      const event = { type: row.event_type, schemaVersion: row.schema_version, data: row.event_data ?? {} };
      const key = declaration.keyOf?.(event, row.aggregate_id) ?? row.aggregate_id;
      return { seq: row.position, event_id: row.event_id, topic: declaration.topic, key };
    });
    const columns = (['seq', 'event_id', 'topic', 'key'] as const).map((column) => rows.map((row) => row[column]));
    await this.client.query(
      'insert into event_outbox (seq, event_id, topic, key) select * from unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[])',
      columns,
    );
  }

  /** From here on the last batch is the one that the broker knows of, and it is settled. */
  private async adopt(position: bigint | undefined): Promise<void> {
    await this.client.query('delete from outbox_batch');
    if (position !== undefined && position > 0n) {
      await this.client.query(`insert into outbox_batch (batch, seqs, event_ids, settled) values ($1, '{}', '{}', true)`, [
        position,
      ]);
    }
    await this.client.query(
      // The floor too: what was put in has positions of the past.
      `update outbox_relay set halted_at = null, halted_reason = null, owner = null, fence = fence + 1,
        floor = 0, horizon = 0, horizon_holders = '{}' where shard = 0`,
    );
  }
}

/** Held to the end, so that two operators do not decide at once. */
async function lockRow(client: DatabaseClient): Promise<{ halted_reason: HaltReason | null; store_id: string }[]> {
  await client.connect();
  await client.query('begin');
  const locked = await client.query<{ halted_reason: HaltReason | null; store_id: string }>(
    'select halted_reason, store_id from outbox_relay where shard = 0 for update',
  );
  return locked.rows;
}
