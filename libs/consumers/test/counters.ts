import {
  event,
  freshId,
  topics,
  writtenBy,
  type Catalogue,
  type Event,
  type RecordedEvent,
  type TopicDeclaration,
} from '@tradecore/events';
import { On, Projector, projectorMigration, type Appending } from '@tradecore/consumers';

/** An account counted something. */
export class Counted extends event('Counted', 1)<{ readonly amount: string; readonly at?: string; readonly big?: string }> {}
/** An event that the projectors below ignore. */
export class Noted extends event('Noted', 1)<{ readonly text: string }> {}
/** An event that its fold refuses. */
export class Spoilt extends event('Spoilt', 1)<{ readonly why: string }> {}

export const topic = 'transport.counter-events';

/** The counters' topic, and the dead letters. */
export const declarations: TopicDeclaration[] = [
  { name: topic, key: 'aggregate id', carries: 'counters', writer: 'relay', partitions: 3, retentionMs: 86_400_000 },
  topics.deadLetters,
];

/** No service of the fleet writes counters. */
export const counters: Catalogue = {
  Counter: { type: 'Counter', topic, ...writtenBy('counter-writer', [Counted, Noted, Spoilt]) },
};

/** Event number `aggregateVersion` of a counter. */
export function recorded(
  aggregateId: string,
  aggregateVersion: number,
  what: Event,
  changes: Partial<RecordedEvent> = {},
): RecordedEvent {
  return {
    id: freshId(),
    aggregateId,
    aggregateType: 'Counter',
    aggregateVersion,
    type: what.type,
    schemaVersion: what.schemaVersion,
    data: what.data,
    time: '2026-01-02T03:04:05.000006Z',
    correlationId: freshId(),
    causationId: null,
    sagaId: null,
    metadata: { account: 'acme' },
    ...changes,
  };
}

/** Counts of 1: versions `from` to `to` of one counter. */
export const counts = (aggregateId: string, from: number, to: number, account = 'acme'): RecordedEvent[] =>
  Array.from({ length: to - from + 1 }, (_, n) =>
    recorded(aggregateId, from + n, new Counted({ amount: '1' }), { metadata: { account } }),
  );

/** A row of `tally_projector.tallies`. */
export interface Tally {
  readonly counterId: string;
  readonly total: string;
  readonly bigNumber?: string;
  readonly lastAt?: string;
  readonly details: { readonly amounts: string[] };
}

/** Adds up each counter: its key is the event's own aggregate. */
@Projector({ name: 'tally-projector', topics: [topic], version: 1, table: 'tallies' })
export class Tallies {
  @On(Counted)
  onCounted(row: Tally | undefined, { aggregateId, data }: RecordedEvent<Counted>): Tally {
    return {
      counterId: aggregateId,
      total: String(BigInt(row?.total ?? 0) + BigInt(data.amount)),
      ...(data.big !== undefined && { bigNumber: data.big }),
      ...(data.at !== undefined && { lastAt: data.at }),
      details: { amounts: [...(row?.details.amounts ?? []), data.amount].slice(-3) },
    };
  }

  @On(Spoilt)
  onSpoilt(_: Tally | undefined, { data }: RecordedEvent<Spoilt>): Tally {
    throw new Error(`spoilt by ${data.why}`);
  }
}

/** The next version: each amount counts twice. */
@Projector({ name: 'tally-projector', topics: [topic], version: 2, table: 'tallies' })
export class DoubledTallies extends Tallies {
  @On(Counted)
  override onCounted(row: Tally | undefined, event: RecordedEvent<Counted>): Tally {
    return super.onCounted(super.onCounted(row, event), event);
  }

  @On(Spoilt)
  override onSpoilt(row: Tally | undefined, event: RecordedEvent<Spoilt>): Tally {
    return super.onSpoilt(row, event);
  }
}

/** A row of `ledger_projector.ledgers`. */
export interface Ledger {
  readonly account: string;
  readonly sequence: string;
}

/** Numbers the counts of an account: many counters feed one row. */
@Projector({ name: 'ledger-projector', topics: [topic], version: 1, table: 'ledgers', appends: 'entries', shared: true })
export class Ledgers {
  key({ metadata }: RecordedEvent): string {
    if (!metadata.account) throw new Error('no account');
    return metadata.account;
  }

  @On(Counted)
  onCounted(row: Ledger | undefined, event: RecordedEvent<Counted>): Appending<Ledger> {
    const account = this.key(event);
    const sequence = String(BigInt(row?.sequence ?? 0) + 1n);
    return { row: { account, sequence }, append: [{ account, sequence, eventId: event.id }] };
  }
}

const tables = {
  tallies: `create table tally_projector.tallies (
    counter_id uuid primary key, total numeric(12, 2) not null, big_number numeric, last_at timestamptz, details jsonb not null,
    made_at timestamptz not null default clock_timestamp()
  );`,
  ledgers: `create table ledger_projector.ledgers (account text primary key, sequence bigint not null);
    create table ledger_projector.entries (
      account text, sequence bigint, event_id uuid not null unique, primary key (account, sequence)
    );`,
};

/** The schemas of both projectors. */
export const migrations = [
  projectorMigration({ number: 200, projector: Tallies, service: 'tally-projector', readers: ['query-api'] }),
  projectorMigration({ number: 201, projector: Ledgers, service: 'ledger-projector' }),
  { number: 300, name: 'tallies', sql: tables.tallies },
  { number: 301, name: 'ledgers', sql: tables.ledgers },
];
