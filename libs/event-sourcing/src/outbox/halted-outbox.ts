import type { Catalogue, RecordedEvent } from '@tradecore/events';
import { DatabaseClient } from '../sessions/database-client.ts';
import type { HaltReason } from './outbox.ts';

/** What an operator's decision found and did, in events; before its commit, the plan. */
export interface Resumed {
  /** Waiting although the topics hold them: removed from the outbox. */
  readonly alreadyPublished: number;
  /** In the store but neither on a topic nor in the outbox: added to the outbox, to be published now. */
  readonly missing: number;
  /**
   * Of those, events with a later version of their aggregate already on a topic. Readers fill such gaps from the store.
   */
  readonly outOfOrder: number;
  /** On the topics beyond the store's heads: stored again. */
  readonly taken: number;
  /** On the topics but never to be in the store: readers skip them. */
  readonly givenUp: number;
}

/** An event that is given up. */
export interface GivenUp {
  readonly eventId: string;
  readonly aggregateType: string;
  readonly aggregateId: string;
  readonly version: number;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly time: string;
  readonly account: string | null;
  readonly why: string;
}

/** An event as a record on a topic. */
export interface PublishedEvent extends Omit<RecordedEvent, 'data'> {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** The record's value. */
  readonly dataText: string;
  /** Which events were stored with it, if the record says. */
  readonly save?: { readonly name: string; readonly events: number } | undefined;
}

/** What an operator decides. */
export interface Decision {
  /** RFC 3339. Unpublished events stored from this time on are published; older ones only if they are in the outbox. */
  readonly since: string;
  /** The broker's position; absent if it has none. */
  readonly position: bigint | undefined;
  readonly catalogue: Catalogue;
  /** What the topics hold beyond the store's heads is given up. */
  readonly forgetTail: boolean;
  /** Kept with the record of the decision. */
  readonly why: string;
}

/** The relay is not halted and the store is not closed: there is nothing to decide. */
export class NotHalted extends Error {
  override readonly name = 'NotHalted';
}

/** Long, because outbox and store are compared completely. */
const statementMs = 600_000;

const listGivenUp = `
  select event_id as "eventId", aggregate_type as "aggregateType", aggregate_id as "aggregateId", aggregate_version as version, event_type as type,
         event_data as data, "timestamp"::text as time, account, why
    from forgotten_events where forgotten_at = now() order by "timestamp", aggregate_id, aggregate_version limit $1`;

/**
 * An operator's decision on a halted outbox or a closed store: one transaction. Relays and writers wait until it
 * commits.
 */
export class HaltedOutbox {
  private constructor(
    private readonly client: DatabaseClient,
    readonly storeId: string,
    /** The id of the live store that this one is a copy of, restored aside; null for any other. */
    readonly copyOf: string | null,
    /** Why the relay halted. */
    readonly reason: HaltReason,
  ) {}

  /** Begins, with a login that has operator rights. Throws `NotHalted`. */
  static async open(url: string): Promise<HaltedOutbox> {
    const client = new DatabaseClient({ connectionString: url, application_name: 'relay resume', query_timeout: statementMs });
    try {
      await client.connect();
      await client.query('select operate.hold_relay()');
      await client.query('begin');
      const { rows } = await client.query<{ store_id: string; copy_of: string | null; halted_reason: HaltReason }>(
        'select * from operate.begin_resume()',
      );
      const [row] = rows;
      if (!row) throw new NotHalted('another operator has already decided');
      return new HaltedOutbox(client, row.store_id, row.copy_of, row.halted_reason);
    } catch (error) {
      await client.end();
      if ((error as { code?: string }).code === 'TC004') throw new NotHalted((error as Error).message, { cause: error });
      throw error;
    }
  }

  /** The ids waiting to be published. */
  async waiting(): Promise<Set<string>> {
    const { rows } = await this.client.query<{ event_id: string }>('select event_id from event_outbox');
    return new Set(rows.map(({ event_id }) => event_id));
  }

  /** Tells the store, in portions, what the topics hold: all events since `since`, and all that wait in the outbox. */
  async tell(events: readonly PublishedEvent[]): Promise<void> {
    const records = events.map(({ topic, partition, offset, dataText, save, ...event }) => ({
      topic,
      partition,
      offset: String(offset),
      id: event.id,
      aggregate: event.aggregateId,
      type: event.aggregateType,
      version: event.aggregateVersion,
      event: event.type,
      schema: event.schemaVersion,
      data: dataText,
      time: event.time,
      correlation: event.correlationId,
      causation: event.causationId,
      saga: event.sagaId,
      metadata: event.metadata,
      save: save?.name,
      events: save?.events,
    }));
    await this.client.query('select operate.tell_topics($1)', [JSON.stringify(records)]);
  }

  /** Takes back the tail, fills the outbox, opens the store, releases the relay; takes effect with `commit`. */
  async decide({ since, position, catalogue, forgetTail, why }: Decision): Promise<Resumed> {
    const keys = await this.keys(since, catalogue);
    const { rows } = await this.client.query<{ outcome: Resumed }>('select operate.resume_relay($1, $2, $3, $4, $5) as outcome', [
      since,
      position,
      forgetTail,
      JSON.stringify(keys),
      why,
    ]);
    return (rows[0] as { outcome: Resumed }).outcome;
  }

  /** The events given up, oldest first. */
  async givenUp(limit: number): Promise<GivenUp[]> {
    return (await this.client.query<GivenUp>(listGivenUp, [limit])).rows;
  }

  async commit(): Promise<void> {
    await this.client.query('commit');
  }

  /** Ends the session; uncommitted work is undone. */
  async close(): Promise<void> {
    await this.client.end();
  }

  /** Topic keys derived from the data. */
  private async keys(since: string, catalogue: Catalogue): Promise<Record<string, string>> {
    const keyed = Object.values(catalogue).flatMap(({ type, keyOf }) => (keyOf ? type : []));
    const { rows } = await this.client.query<{
      event_id: string;
      aggregate_id: string;
      aggregate_type: string;
      event_type: string;
      schema_version: number;
      event_data: RecordedEvent['data'];
    }>('select * from operate.keyed_missing($1, $2)', [since, keyed]);
    const entries = rows.map((row) => {
      const event = { type: row.event_type, schemaVersion: row.schema_version, data: row.event_data };
      return [row.event_id, catalogue[row.aggregate_type]?.keyOf?.(event, row.aggregate_id) ?? row.aggregate_id];
    });
    return Object.fromEntries(entries) as Record<string, string>;
  }
}
