import { createHash } from 'node:crypto';
import type { Catalogue, RecordedEvent } from '@tradecore/events';
import type { Verdict } from './append-events.ts';
import type { ReadAllOptions } from './event-store.ts';
import { pageSize, RecordingStore, type Page } from './recording-store.ts';
import { recordedEvents, type Save } from './save.ts';
import type { NewSnapshot, SnapshotWanted, StoredSnapshot, UpTo } from './snapshots.ts';

/** An event store in memory, for unit tests: the same promises (one conformance suite), nothing durable. */
export class InMemoryEventStore extends RecordingStore {
  readonly #events: RecordedEvent[] = [];
  readonly #byId = new Map<string, RecordedEvent>();
  readonly #byAggregate = new Map<string, RecordedEvent[]>();
  /** By aggregate and shape; open to tests, which spoil them. */
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

  protected append(save: Save): Promise<Verdict> {
    const verdict = this.#judge(save);
    if (verdict.outcome === 'stored') {
      for (const event of recordedEvents(save, verdict.time)) {
        this.#events.push(event);
        this.#byId.set(event.id, event);
        this.#historyOf(event.aggregateId).push(event);
      }
    }
    return Promise.resolve(verdict);
  }

  protected readPage({ aggregateId, from, to, limit, until }: Page): Promise<RecordedEvent[]> {
    const latest = until === undefined ? Infinity : microseconds(until);
    const history = this.#byAggregate.get(aggregateId) ?? [];
    return Promise.resolve(
      history.slice(from - 1, Math.min(to, from - 1 + limit)).filter(({ time }) => microseconds(time) <= latest),
    );
  }

  protected readSaved(firstIds: readonly string[]): Promise<RecordedEvent[]> {
    const firsts = firstIds.flatMap((id) => this.#byId.get(id) ?? []);
    return Promise.resolve(
      firsts.flatMap(({ aggregateId, time }) => this.#historyOf(aggregateId).filter((event) => event.time === time)),
    );
  }

  protected readSnapshots(wanted: readonly SnapshotWanted[], { to, until }: UpTo): Promise<StoredSnapshot[]> {
    const latest = until === undefined ? Infinity : microseconds(until);
    const found = wanted.flatMap(({ aggregateId, aggregateType, shape }): StoredSnapshot[] => {
      const snapshot = this.snapshots.get(`${aggregateId} ${shape}`);
      if (!snapshot || snapshot.version > to) return [];
      const last = this.#byAggregate.get(aggregateId)?.[snapshot.version - 1];
      if (last && microseconds(last.time) > latest) return [];
      const holds = last?.aggregateType === aggregateType && snapshot.hash === hashOf(last.id, snapshot.state);
      return [
        {
          aggregateId,
          version: snapshot.version,
          state: JSON.parse(snapshot.state) as object,
          lastEventId: last?.id ?? '',
          holds,
        },
      ];
    });
    return Promise.resolve(found);
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

  #judge({ parts }: Save): Verdict {
    const known = parts.map(({ aggregateId, events: [first] }) => this.#byId.get(first?.id ?? '')?.aggregateId === aggregateId);
    if (known.some(Boolean)) return { outcome: 'repeated' };
    if (parts.some(({ events }) => events.some(({ id }) => this.#byId.has(id)))) {
      return { outcome: 'invalid', reason: 'an event id is in the store already, as another event' };
    }
    for (const { aggregateId, expected } of parts) {
      const found = this.#historyOf(aggregateId).length;
      if (found !== expected) return { outcome: 'conflict', aggregateId, expected, found };
    }
    const lastTimes = parts.map(({ aggregateId }) => this.#historyOf(aggregateId).at(-1)?.time);
    const earliest = lastTimes.map((time) => (time === undefined ? 0 : microseconds(time) + 1));
    return { outcome: 'stored', time: formatTime(Math.max(Math.floor(this.now() * 1000), ...earliest)) };
  }

  #historyOf(aggregateId: string): RecordedEvent[] {
    const history = this.#byAggregate.get(aggregateId) ?? [];
    this.#byAggregate.set(aggregateId, history);
    return history;
  }
}

/** Binds a state to the event that led to it. */
const hashOf = (eventId: string, state: string): string => createHash('sha256').update(`${eventId} ${state}`).digest('hex');

/** Of an RFC 3339 time, whose fraction `Date.parse` would cut at milliseconds. */
function microseconds(time: string): number {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '';
  return Date.parse(time.replace(/\.\d+/, '')) * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
}

const formatTime = (time: number): string =>
  `${new Date(Math.floor(time / 1000)).toISOString().slice(0, -1)}${String(time % 1000).padStart(3, '0')}Z`;
