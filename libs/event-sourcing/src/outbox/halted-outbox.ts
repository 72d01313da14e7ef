import type { Catalogue, RecordedEvent } from '@tradecore/events';
import { DatabaseClient } from '../sessions/database-client.ts';
import type { HaltReason } from './outbox.ts';

/** What an operator's decision found and did, in events; before its commit: what it would do. */
export interface Resumed {
  /** They waited though the topics hold them: taken out of the outbox. */
  readonly alreadyPublished: number;
  /** The store holds them and neither topics nor outbox did: put in, to be published now. */
  readonly missing: number;
  /** Of those: events with a later version of the same aggregate on a topic already. Readers fill such gaps from the store. */
  readonly outOfOrder: number;
  /** The topics held them beyond the store's heads: stored again. */
  readonly taken: number;
  /** The topics hold them and the store does not, nor will: readers pass over them. */
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

/** An event as a record of a topic says it. */
export interface PublishedEvent extends Omit<RecordedEvent, 'data'> {
  /** The record's value. */
  readonly dataText: string;
  /** What was stored with it, where the record says so. */
  readonly save?: { readonly name: string; readonly events: number } | undefined;
}

/** What an operator decides. */
export interface Decision {
  /** RFC 3339. Stored events from this time on that are not published are published. Before it, only the outbox counts. */
  readonly since: string;
  /** The broker's position; nothing when it has none. */
  readonly position: bigint | undefined;
  readonly catalogue: Catalogue;
  /** What the topics hold beyond the store's heads is not taken. */
  readonly forgetTail: boolean;
  /** Kept with what was done. */
  readonly why: string;
}

/** The relay is not halted and the store is not closed: there is nothing to decide. */
export class NotHalted extends Error {
  override readonly name = 'NotHalted';
}

/** The outbox and the store are compared whole. */
const statementMs = 600_000;

const listGivenUp = `
  select event_id as "eventId", aggregate_type as "aggregateType", aggregate_id as "aggregateId", aggregate_version as version, event_type as type,
         event_data as data, "timestamp"::text as time, account, why
    from forgotten_events where forgotten_at = now() order by "timestamp", aggregate_id, aggregate_version limit $1`;

/** A halted outbox, or a closed store, in an operator's hands: one transaction. Relays and writers wait until it is committed. */
export class HaltedOutbox {
  private constructor(
    private readonly client: DatabaseClient,
    readonly storeId: string,
    /** Why the relay halted. */
    readonly reason: HaltReason,
  ) {}

  /** Begins; a login with the operator's rights. Throws `NotHalted`. */
  static async open(url: string): Promise<HaltedOutbox> {
    const client = new DatabaseClient({ connectionString: url, application_name: 'relay resume', query_timeout: statementMs });
    try {
      await client.connect();
      await client.query('select operate.hold_relay()');
      await client.query('begin');
      const { rows } = await client.query<{ store_id: string; halted_reason: HaltReason }>(
        'select * from operate.begin_resume()',
      );
      const [row] = rows;
      if (!row) throw new NotHalted('another operator has decided meanwhile');
      return new HaltedOutbox(client, row.store_id, row.halted_reason);
    } catch (error) {
      await client.end();
      if ((error as { code?: string }).code === 'TC004') throw new NotHalted((error as Error).message, { cause: error });
      throw error;
    }
  }

  /** The ids that wait to be published. */
  async waiting(): Promise<Set<string>> {
    const { rows } = await this.client.query<{ event_id: string }>('select event_id from event_outbox');
    return new Set(rows.map(({ event_id }) => event_id));
  }

  /** Tells the store what the topics hold: all events as old as `since` or younger, and all that wait in the outbox; in pieces. */
  async tell(events: readonly PublishedEvent[]): Promise<void> {
    const records = events.map(({ dataText, save, ...event }) => ({
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

  /** Takes the tail, fills the outbox, opens the store, lets the relay go on; nothing of it counts before `commit`. */
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

  /** What the decision gives up, oldest first. */
  async givenUp(limit: number): Promise<GivenUp[]> {
    return (await this.client.query<GivenUp>(listGivenUp, [limit])).rows;
  }

  async commit(): Promise<void> {
    await this.client.query('commit');
  }

  /** Ends the session; what is not committed was never done. */
  async close(): Promise<void> {
    await this.client.end();
  }

  /** Keys on the topic that are made from the data. */
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
