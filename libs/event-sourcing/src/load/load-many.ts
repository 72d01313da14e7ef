import type { RecordedEvent } from '@tradecore/events';
import type { AggregateClass, AnyAggregate } from '../base-aggregate.ts';
import { fromSnapshot, type StoredSnapshot } from './snapshots.ts';

/**
 * A committed aggregate, as loaded or as kept by the caller since. Loading it again brings this very object up to date,
 * also for other holders.
 */
export interface WarmAggregate<A extends AnyAggregate = AnyAggregate> {
  readonly aggregate: A;
  /** The id of its last event; null before the first. */
  lastEventId: string | null;
}

/** Which aggregate to load. */
export interface Wanted<A extends AnyAggregate = AnyAggregate> {
  readonly type: AggregateClass<A>;
  readonly id: string;
  /** Only later events are read. Ignored when the store does not have this last event. */
  readonly warm?: WarmAggregate<A> | undefined;
}

/** Aggregates of one moment, and events looked up. */
export class LoadedMany {
  constructor(
    /** By id, up to their last event; an `Error` if history could not be replayed. */
    readonly aggregates: ReadonlyMap<string, WarmAggregate | Error>,
    /** By id, as stored: the events looked up that exist. */
    readonly events: ReadonlyMap<string, RecordedEvent>,
    /** The database's time, after any locks were acquired: RFC 3339, UTC, microseconds. */
    readonly now: string,
    /** Of the store at that moment: `Identity.epoch`. */
    readonly epoch: string,
  ) {}

  /**
   * One of the aggregates. Throws the reason if it could not be replayed; a `TypeError` if it was not requested or is
   * of another class.
   */
  get<A extends AnyAggregate>(type: AggregateClass<A>, id: string): WarmAggregate<A> {
    const found = this.aggregates.get(id);
    if (found instanceof Error) throw found;
    if (!(found?.aggregate instanceof type)) throw new TypeError(`no ${type.type} ${id} was loaded`);
    return found as WarmAggregate<A>;
  }
}

/** A request to the store: `version` and `lastEventId` are those of the warm aggregate at the time of the call. */
export interface Asked extends Wanted {
  readonly version: number;
  readonly lastEventId: string | null;
}

/** What the store has of an aggregate beyond the requested version. */
export interface Found {
  /** Its version in the store; 0 if it has no event. */
  readonly version: number;
  /** `events` follow this version: that of the warm aggregate or the snapshot, or 0. */
  readonly after: number;
  /** Looked up if the warm aggregate can't be continued. */
  readonly snapshot?: StoredSnapshot | undefined;
  /** In order, at most one page. */
  readonly events: readonly RecordedEvent[];
}

/** The store's answer: what was found, in the order requested, and events looked up. */
export interface FoundMany {
  readonly found: readonly Found[];
  readonly events: readonly RecordedEvent[];
  readonly now: string;
  readonly epoch: string;
}

/** The request at this moment. */
export function askFor(wanted: Wanted): Asked {
  const { id, warm } = wanted;
  if (warm && warm.aggregate.uncommittedEvents.length > 0) throw new TypeError(`${id} has uncommitted events: it is not warm`);
  return { ...wanted, version: warm?.aggregate.version ?? 0, lastEventId: warm?.lastEventId ?? null };
}

/**
 * Where an aggregate continues from: the warm one, if it is on the store's history; else its snapshot; else the start.
 */
export function startOf({ type, id, warm, version }: Asked, { after, snapshot }: Found): WarmAggregate {
  if (warm && !snapshot && after === version) return warm;
  if (type.snapshots) {
    const aggregate = fromSnapshot(type, snapshot);
    if (aggregate && snapshot) return { aggregate, lastEventId: snapshot.lastEventId };
  }
  return { aggregate: new type(id), lastEventId: null };
}

/** The call of `load_many`. */
export const loadManySql = `select * from public.load_many($1::uuid[], $2::text[], $3::int[], $4::uuid[], $5::int[], $6::uuid[], $7::int)`;

/** The call of `load_locked`, which also takes the wait for each lock in ms. */
export const loadLockedSql = `select *
  from public.load_locked($1::uuid[], $2::text[], $3::int[], $4::uuid[], $5::int[], $6::uuid[], $7::int, $8::int)`;

/** The parameters of `loadManySql`. */
export const loadManyParameters = (asked: readonly Asked[], lookups: readonly string[], page: number): unknown[] => [
  asked.map(({ id }) => id),
  asked.map(({ type }) => type.type),
  asked.map(({ version }) => version),
  asked.map(({ lastEventId }) => lastEventId),
  asked.map(({ type }) => type.snapshots?.shape ?? null),
  lookups,
  page,
];

/** A row of either function. */
export interface LoadedRow {
  readonly number: number;
  readonly kind: 'head' | 'snapshot' | 'event';
  readonly id: string | null;
  readonly aggregate_id: string;
  readonly aggregate_type: string | null;
  readonly version: number;
  readonly after: number | null;
  readonly type: string | null;
  readonly schema_version: number | null;
  readonly data: object | null;
  readonly at: string | null;
  readonly correlation_id: string | null;
  readonly causation_id: string | null;
  readonly saga_id: string | null;
  readonly metadata: RecordedEvent['metadata'] | null;
}

/** The answer in the rows. */
export function toFoundMany(rows: readonly LoadedRow[]): FoundMany {
  const byNumber = Map.groupBy(rows, ({ number }) => number);
  const eventsOf = (own: readonly LoadedRow[] = []) => own.filter(({ kind }) => kind === 'event').map(toRecorded);
  const heads = rows.filter(({ kind, number }) => kind === 'head' && number > 0);
  const found = heads.map(({ number, version, after }): Found => {
    const own = byNumber.get(number);
    const snapshot = own?.find(({ kind }) => kind === 'snapshot');
    return { version, after: after ?? 0, snapshot: snapshot && toSnapshot(snapshot), events: eventsOf(own) };
  });
  const head = rows.find(({ kind }) => kind === 'head');
  return { found, events: eventsOf(byNumber.get(0)), now: head?.at ?? '', epoch: head?.id?.slice(0, 8) ?? '' };
}

/** Invalid without `data`. */
const toSnapshot = ({ id, aggregate_id: aggregateId, version, data }: LoadedRow): StoredSnapshot => ({
  aggregateId,
  version,
  state: data ?? {},
  lastEventId: id ?? '',
  holds: data !== null,
});

const toRecorded = (row: LoadedRow): RecordedEvent => ({
  id: row.id ?? '',
  aggregateId: row.aggregate_id,
  aggregateType: row.aggregate_type ?? '',
  aggregateVersion: row.version,
  type: row.type ?? '',
  schemaVersion: row.schema_version ?? 0,
  data: row.data ?? {},
  time: row.at ?? '',
  correlationId: row.correlation_id,
  causationId: row.causation_id,
  sagaId: row.saga_id,
  metadata: row.metadata ?? {},
});
