import { counter } from '@tradecore/telemetry';
import type { AggregateClass, AnyAggregate } from '../base-aggregate.ts';

/** How snapshots of an aggregate class are kept: `static readonly snapshots = { every: 100, shape: 1 }`. */
export interface SnapshotPolicy {
  /** Take a new one after this many events, at the next save. */
  readonly every: number;
  /**
   * Version of the state's shape and meaning, from 1: raise it when either changes; older snapshots are then ignored.
   */
  readonly shape: number;
}

/** What an aggregate needs for snapshots. */
export interface Snapshotted extends AnyAggregate {
  /** The whole state as JSON, for `restore` in any process. */
  toSnapshot(): object;
  /** Sets the state from a snapshot; called on a new aggregate, before any event. */
  restore(state: never): void;
}

/** A snapshot as the store holds it. */
export interface StoredSnapshot {
  readonly aggregateId: string;
  readonly version: number;
  readonly state: object;
  /** The id of the event that has this version. */
  readonly lastEventId: string;
  /** Its hash matches the event of its version, in this history, with this state. */
  readonly holds: boolean;
}

/** The snapshot to look for. */
export interface SnapshotWanted {
  readonly aggregateId: string;
  readonly aggregateType: string;
  readonly shape: number;
}

/** A point in history: nothing later is read. */
export interface UpTo {
  readonly to: number;
  readonly until?: string;
}

/** A committed state on its way to the store. */
export interface NewSnapshot {
  readonly aggregateId: string;
  readonly shape: number;
  readonly version: number;
  /** JSON. */
  readonly state: string;
}

const outcomes = ['used', 'absent', 'disbelieved', 'unreadable', 'written', 'too-large', 'failed'] as const;

/** `disbelieved`: the hash is not that of this state after this history. */
export const snapshotsTotal = counter({
  name: 'tradecore_event_store_snapshots_total',
  help: 'Snapshots by outcome.',
  labels: { outcome: outcomes },
});

/** Bytes of JSON. A larger state is not kept: the aggregate is too big. */
const maxStateBytes = 1024 * 1024;

/** The version of the snapshot that an aggregate was restored from or last written to. */
const versions = new WeakMap<AnyAggregate, number>();

/** The snapshot to look for when loading an aggregate of this class; undefined if the class has no snapshots. */
export const wantedSnapshot = (
  { type, snapshots }: AggregateClass<AnyAggregate>,
  aggregateId: string,
): SnapshotWanted | undefined => snapshots && { aggregateId, aggregateType: type, shape: snapshots.shape };

/** A new aggregate from its snapshot; undefined if there is no valid one: then replay all of history. */
export function fromSnapshot<A extends AnyAggregate>(
  type: AggregateClass<A>,
  snapshot: StoredSnapshot | undefined,
): A | undefined {
  if (snapshot?.holds !== true) {
    snapshotsTotal.inc({ outcome: snapshot ? 'disbelieved' : 'absent' });
    return undefined;
  }
  const aggregate = new type(snapshot.aggregateId);
  try {
    (aggregate as unknown as Snapshotted).restore(snapshot.state as never);
  } catch {
    snapshotsTotal.inc({ outcome: 'unreadable' });
    return undefined;
  }
  aggregate.startAt(snapshot.version);
  versions.set(aggregate, snapshot.version);
  snapshotsTotal.inc({ outcome: 'used' });
  return aggregate;
}

/** Snapshots due for these aggregates; uncommitted events are left out. */
export function dueSnapshots(aggregates: Iterable<AnyAggregate>): NewSnapshot[] {
  return [...aggregates].flatMap((aggregate) => {
    const { snapshots: policy } = aggregate.constructor as AggregateClass<AnyAggregate>;
    if (!policy || aggregate.uncommittedEvents.length > 0) return [];
    if (aggregate.version - (versions.get(aggregate) ?? 0) < policy.every) return [];
    versions.set(aggregate, aggregate.version);
    const state = JSON.stringify((aggregate as Snapshotted).toSnapshot());
    if (Buffer.byteLength(state) > maxStateBytes) {
      snapshotsTotal.inc({ outcome: 'too-large' });
      return [];
    }
    return [{ aggregateId: aggregate.id, shape: policy.shape, version: aggregate.version, state }];
  });
}

/** $1 id, $2 type, $3 shape, $4 not later than this version, $5 not after this time or null. */
export const readSnapshotSql = `select s.aggregate_id as "aggregateId", s.version, s.state, e.event_id as "lastEventId",
    coalesce(e.aggregate_type = $2 and s.hash = public.snapshot_hash(e.hash, s.shape, s.state), false) as holds
  from public.snapshots s
  left join public.event_store e on e.aggregate_id = s.aggregate_id and e.aggregate_version = s.version
  where s.aggregate_id = $1 and s.shape = $3 and s.version <= $4 and ($5::timestamptz is null or e."timestamp" <= $5)`;

/** The call of `save_snapshots`. */
export const saveSnapshotsSql = 'select public.save_snapshots($1::uuid[], $2::int[], $3::int[], $4::jsonb)';

/** The parameters of `saveSnapshotsSql`. */
export const saveSnapshotsParameters = (snapshots: readonly NewSnapshot[]): unknown[] => [
  snapshots.map(({ aggregateId }) => aggregateId),
  snapshots.map(({ shape }) => shape),
  snapshots.map(({ version }) => version),
  `[${snapshots.map(({ state }) => state).join(',')}]`,
];
