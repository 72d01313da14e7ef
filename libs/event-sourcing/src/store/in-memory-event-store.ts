import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Catalogue, RecordedEvent } from '@tradecore/events';
import { ofPresentIds, type Verdict } from '../append/append-events.ts';
import type { DecideOptions, ReadAllOptions, Saved } from './event-store.ts';
import type { Asked, Found, FoundMany, LoadedMany, Wanted } from '../load/load-many.ts';
import { maxVersion, nothingSaved, pageSize, RecordingStore, type Page } from './recording-store.ts';
import { retryOnConflict } from './retry-on-conflict.ts';
import { recordedEvents, type PartToSave, type Save } from '../append/save.ts';
import type { NewSnapshot, SnapshotWanted, StoredSnapshot, UpTo } from '../load/snapshots.ts';

/** An event store in memory, for unit tests: the same guarantees (one conformance suite), not durable. */
export class InMemoryEventStore extends RecordingStore {
  readonly #events: RecordedEvent[] = [];
  readonly #byId = new Map<string, RecordedEvent>();
  readonly #byAggregate = new Map<string, RecordedEvent[]>();
  readonly #texts = new Map<string, string>();
  /** By aggregate and shape; exposed so that tests can corrupt them. */
  protected readonly snapshots = new Map<string, NewSnapshot & { readonly hash: string }>();

  /** `now` in milliseconds since 1970. */
  constructor(
    catalogue: Catalogue,
    private readonly now: () => number = Date.now,
  ) {
    super(catalogue);
  }

  async *readAll({ types, since, batchSize = pageSize }: ReadAllOptions = {}): AsyncGenerator<RecordedEvent[]> {
    await Promise.resolve();
    const earliest = since === undefined ? -Infinity : microseconds(since);
    const snapshot = this.#events.filter(
      ({ aggregateType, time }) => (types?.includes(aggregateType) ?? true) && microseconds(time) >= earliest,
    );
    for (let start = 0; start < snapshot.length; start += batchSize) yield snapshot.slice(start, start + batchSize);
  }

  /** There are no locks here: decides again when another save came in between. */
  decideLocked(
    wanted: readonly Wanted[],
    decide: (loaded: LoadedMany) => readonly PartToSave[],
    { lookups }: DecideOptions = {},
  ): Promise<Saved> {
    return retryOnConflict(async () => {
      const parts = decide(await this.loadMany(wanted, lookups));
      return parts.length === 0 ? nothingSaved : this.savePrepared(parts);
    }, 100);
  }

  protected append(save: Save): Promise<Verdict> {
    const verdict = this.#judge(save);
    if (verdict.outcome === 'stored') {
      for (const event of recordedEvents(save, verdict.time)) {
        this.#events.push(event);
        this.#byId.set(event.id, event);
        this.#historyOf(event.aggregateId).push(event);
      }
      for (const { ref, text } of save.parts.flatMap(({ events }) => events.flatMap(({ texts }) => texts)))
        this.#texts.set(ref, text);
    }
    return Promise.resolve(verdict);
  }

  protected readPage({ aggregateId, from, to, limit, until }: Page): Promise<RecordedEvent[]> {
    const history = this.#byAggregate.get(aggregateId) ?? [];
    return Promise.resolve(history.slice(from - 1, Math.min(to, from - 1 + limit)).filter(({ time }) => !isAfter(time, until)));
  }

  protected readDecisions(firstIds: readonly string[]): Promise<RecordedEvent[]> {
    const firsts = firstIds.flatMap((id) => this.#byId.get(id) ?? []);
    const events = firsts.flatMap((first) => {
      const later = this.#historyOf(first.aggregateId).slice(first.aggregateVersion - 1);
      return later.filter((event) => event.time === first.time && isDeepStrictEqual(originOf(event), originOf(first)));
    });
    return Promise.resolve([...new Set(events)]);
  }

  protected async findMany(asked: readonly Asked[], lookups: readonly string[]): Promise<FoundMany> {
    const found: Found[] = [];
    for (const each of asked) found.push(await this.#find(each));
    const events = lookups.flatMap((id) => this.#byId.get(id) ?? []);
    return { found, events, now: formatTime(Math.floor(this.now() * 1000)), epoch: '00000000' };
  }

  async #find({ type: { type, snapshots: policy }, id, version, lastEventId }: Asked): Promise<Found> {
    const history = [...(this.#byAggregate.get(id) ?? [])];
    const goesOn = version > 0 && history[version - 1]?.id === lastEventId;
    const wanted = policy && !goesOn ? { aggregateId: id, aggregateType: type, shape: policy.shape } : undefined;
    const snapshot = wanted && (await this.readSnapshot(wanted, { to: maxVersion }));
    const start = snapshot?.holds ? snapshot.version : 0;
    const after = goesOn ? version : start;
    return { version: history.length, after, snapshot, events: history.slice(after, after + pageSize) };
  }

  protected readTexts(refs: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return Promise.resolve(new Map([...this.#texts].filter(([ref]) => refs.includes(ref))));
  }

  protected async readSnapshot(wanted: SnapshotWanted, { to, until }: UpTo): Promise<StoredSnapshot | undefined> {
    await Promise.resolve();
    const { aggregateId, aggregateType, shape } = wanted;
    const snapshot = this.snapshots.get(`${aggregateId} ${shape}`);
    if (!snapshot || snapshot.version > to) return undefined;
    const { version } = snapshot;
    const last = this.#byAggregate.get(aggregateId)?.[version - 1];
    if (last && isAfter(last.time, until)) return undefined;
    const holds = last?.aggregateType === aggregateType && snapshot.hash === hashOf(last.id, snapshot.state);
    return { aggregateId, version, state: JSON.parse(snapshot.state) as object, lastEventId: last?.id ?? '', holds };
  }

  protected writeSnapshots(snapshots: readonly NewSnapshot[]): Promise<void> {
    for (const snapshot of snapshots) {
      const { aggregateId, shape, version, state } = snapshot;
      const last = this.#byAggregate.get(aggregateId)?.[version - 1];
      if (last) this.snapshots.set(`${aggregateId} ${shape}`, { ...snapshot, hash: hashOf(last.id, state) });
      for (let older = shape - 2; this.snapshots.delete(`${aggregateId} ${older}`); older -= 1);
    }
    return Promise.resolve();
  }

  #judge(save: Save): Verdict {
    const { parts } = save;
    const ids = parts.flatMap(({ events }) => events.map(({ id }) => id));
    const holders = new Map(ids.flatMap((id) => this.#byId.get(id) ?? []).map(({ id, aggregateId }) => [id, aggregateId]));
    if (holders.size > 0) return ofPresentIds(save, holders);
    const foreign = parts.find(({ type, id }) => this.#byAggregate.get(id)?.some(({ aggregateType }) => aggregateType !== type));
    if (foreign) return { outcome: 'invalid', reason: `${foreign.id} is not of type ${foreign.type}` };
    const conflicts = parts.flatMap(({ id: aggregateId, expected }) => {
      const found = this.#historyOf(aggregateId).length;
      return found === expected ? [] : [{ aggregateId, expected, found }];
    });
    if (conflicts.length > 0) return { outcome: 'conflict', conflicts };
    const lastTimes = parts.map(({ id }) => this.#historyOf(id).at(-1)?.time);
    const earliest = lastTimes.map((time) => (time === undefined ? 0 : microseconds(time) + 1));
    return { outcome: 'stored', time: formatTime(Math.max(Math.floor(this.now() * 1000), ...earliest)) };
  }

  #historyOf(aggregateId: string): RecordedEvent[] {
    const history = this.#byAggregate.get(aggregateId) ?? [];
    this.#byAggregate.set(aggregateId, history);
    return history;
  }
}

const originOf = ({ correlationId, causationId, sagaId, metadata }: RecordedEvent) => [
  correlationId,
  causationId,
  sagaId,
  metadata,
];

/** Binds a state to the event that led to it. */
const hashOf = (eventId: string, state: string): string => createHash('sha256').update(`${eventId} ${state}`).digest('hex');

/** Microseconds of an RFC 3339 time; `Date.parse` would truncate it to milliseconds. */
function microseconds(time: string): number {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '';
  return Date.parse(time.replace(/\.\d+/, '')) * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
}

const isAfter = (time: string, until: string | undefined): boolean =>
  until !== undefined && microseconds(time) > microseconds(until);

const formatTime = (time: number): string =>
  `${new Date(Math.floor(time / 1000)).toISOString().slice(0, -1)}${String(time % 1000).padStart(3, '0')}Z`;
