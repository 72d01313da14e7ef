import {
  putTexts,
  textRefsIn,
  upcast,
  WrittenText,
  type Catalogue,
  type Event,
  type RecordedEvent,
  type TextRef,
  type WithTexts,
} from '@tradecore/events';
import type { Verdict } from '../append/append-events.ts';
import type { AggregateClass, AnyAggregate } from '../base-aggregate.ts';
import { EventStore, type AsOf, type ReadRange, type Saved, type SaveOptions } from './event-store.ts';
import {
  askFor,
  LoadedMany,
  startOf,
  type Asked,
  type Found,
  type FoundMany,
  type Wanted,
  type WarmAggregate,
} from '../load/load-many.ts';
import {
  leadIds,
  prepareEvents,
  recordedEvents,
  toSave,
  type PartToSave,
  type PreparedEvent,
  type PrepareOptions,
  type Save,
  type Target,
} from '../append/save.ts';
import {
  dueSnapshots,
  fromSnapshot,
  snapshotsTotal,
  wantedSnapshot,
  type NewSnapshot,
  type SnapshotWanted,
  type StoredSnapshot,
  type UpTo,
} from '../load/snapshots.ts';
import { BrokenHistory, Busy, ConcurrencyException, EventIdTaken, InvalidSave } from './store-errors.ts';

/** Maximum events per page or batch. */
export const pageSize = 1000;
/** The highest possible version. */
export const maxVersion = 2_147_483_647;

/** A page of one aggregate's history; `until`: not later than this time. */
export interface Page {
  readonly aggregateId: string;
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  readonly until?: string;
}

/** What all stores share: preparing saves, reporting verdicts, replaying aggregates from pages of history. */
export abstract class RecordingStore extends EventStore {
  constructor(protected readonly catalogue: Catalogue) {
    super();
  }

  protected abstract append(save: Save, options: SaveOptions): Promise<Verdict>;
  protected abstract readPage(page: Page): Promise<RecordedEvent[]>;
  /** What the decisions starting with these events stored in the aggregates of these events, each event once. */
  protected abstract readDecisions(firstIds: readonly string[]): Promise<RecordedEvent[]>;
  protected abstract findMany(asked: readonly Asked[], lookups: readonly string[]): Promise<FoundMany>;

  /** The texts that are not forgotten, by `ref`. */
  protected abstract readTexts(refs: readonly string[]): Promise<ReadonlyMap<string, string>>;

  /** The snapshot if it exists and is not later than `upTo`. */
  protected abstract readSnapshot(wanted: SnapshotWanted, upTo: UpTo): Promise<StoredSnapshot | undefined>;
  protected abstract writeSnapshots(snapshots: readonly NewSnapshot[]): Promise<void>;

  saveAggregate(aggregate: AnyAggregate): Promise<Saved> {
    return this.saveAggregates([aggregate]);
  }

  async saveAggregates(aggregates: readonly AnyAggregate[]): Promise<Saved> {
    const changed = aggregates.flatMap((aggregate) => {
      const { uncommittedEvents: events, id, version } = aggregate;
      if (events.length === 0) return [];
      const target = { type: typeOf(aggregate), id };
      return [{ aggregate, part: { ...target, expected: version - events.length, events: this.prepare(target, events) } }];
    });
    if (changed.length === 0) return nothingSaved;
    const saved = await this.savePrepared(changed.map(({ part }) => part));
    const versionsOf = new Map(saved.events.map((event) => [event.id, event.aggregateVersion]));
    const committed = changed.filter(({ part }) => versionsOf.get(part.events[0]?.id ?? '') === part.expected + 1);
    for (const { aggregate } of committed) aggregate.markCommitted();
    if (saved.outcome === 'stored') await this.keepSnapshots(committed.map(({ aggregate }) => aggregate));
    return saved;
  }

  prepare(target: Target, events: readonly Event[], options?: PrepareOptions): PreparedEvent[] {
    return prepareEvents(this.catalogue, target, events, options);
  }

  async savePrepared(parts: readonly PartToSave[], options: SaveOptions = {}): Promise<Saved> {
    const save = toSave(this.catalogue, parts);
    return this.settled(save, await this.append(save, options));
  }

  async loadAggregate<A extends AnyAggregate>(type: AggregateClass<A>, id: string): Promise<A> {
    return this.#replay(type, id, {});
  }

  async loadAggregateAsOf<A extends AnyAggregate>(type: AggregateClass<A>, id: string, asOf: AsOf): Promise<A> {
    return this.#replay(type, id, 'version' in asOf ? { to: asOf.version } : { until: asOf.time });
  }

  async loadMany(wanted: readonly Wanted[], lookups: readonly string[] = []): Promise<LoadedMany> {
    const asked = wanted.map(askFor);
    return this.broughtUp(asked, await this.findMany(asked, lookups));
  }

  async readEvents(
    aggregateId: string,
    { from = 1, to = maxVersion, limit = pageSize }: ReadRange = {},
  ): Promise<RecordedEvent[]> {
    if (!(limit >= 1 && limit <= pageSize)) throw new RangeError(`limit must be 1 to ${pageSize}, not ${limit}`);
    return this.readPage({ aggregateId, from, to, limit });
  }

  async *readHistory(aggregateId: string, { from = 1, to = maxVersion }: ReadRange = {}): AsyncGenerator<RecordedEvent> {
    for (let next = from; next <= to;) {
      const page = await this.readPage({ aggregateId, from: next, to, limit: pageSize });
      yield* page;
      if (page.length < pageSize) return;
      next += page.length;
    }
  }

  withTexts<T>(value: T): Promise<WithTexts<T>> {
    return textsPut(value, (refs) => this.readTexts(refs));
  }

  async keepSnapshots(aggregates: Iterable<AnyAggregate>): Promise<void> {
    const due = dueSnapshots(aggregates);
    if (due.length === 0) return;
    await this.writeSnapshots(due);
    snapshotsTotal.inc({ outcome: 'written' }, due.length);
  }

  async #replay<A extends AnyAggregate>(type: AggregateClass<A>, id: string, range: { to?: number; until?: string }): Promise<A> {
    const aggregate = (await this.#fromSnapshot(type, id, { to: maxVersion, ...range })) ?? new type(id);
    for (;;) {
      const from = aggregate.version + 1;
      const page = await this.readPage({ aggregateId: id, from, to: maxVersion, limit: pageSize, ...range });
      aggregate.replay(page.map((recorded, index) => this.checked(recorded, type.type, from + index)) as never[]);
      if (page.length < pageSize) return aggregate;
    }
  }

  async #fromSnapshot<A extends AnyAggregate>(type: AggregateClass<A>, id: string, upTo: UpTo): Promise<A | undefined> {
    const wanted = wantedSnapshot(type, id);
    return wanted && fromSnapshot(type, await this.readSnapshot(wanted, upTo));
  }

  /** The aggregates requested, with what was found applied. */
  protected async broughtUp(asked: readonly Asked[], { found, events, now, epoch }: FoundMany): Promise<LoadedMany> {
    const aggregates = new Map<string, WarmAggregate | Error>();
    for (const [index, each] of asked.entries()) aggregates.set(each.id, await this.#bringUp(each, found[index] as Found));
    return new LoadedMany(aggregates, new Map(events.map((event) => [event.id, event])), now, epoch);
  }

  /** Another holder may update a shared warm aggregate meanwhile: events it already has are skipped. */
  async #bringUp(asked: Asked, found: Found): Promise<WarmAggregate | Error> {
    const warm = startOf(asked, found);
    const { aggregate } = warm;
    for (let page = found.events; ; page = await this.readEvents(asked.id, { from: aggregate.version + 1 })) {
      const later = page.filter(({ aggregateVersion }) => aggregateVersion > aggregate.version);
      const isNext = later[0]?.aggregateVersion === aggregate.version + 1;
      const failure = isNext ? this.#goOn(warm, asked.type.type, later) : undefined;
      if (failure) return failure;
      if (aggregate.version >= found.version) return warm;
      if (!isNext && page !== found.events) {
        return new BrokenHistory(`${asked.id} is at version ${found.version}, but its history ends at ${aggregate.version}`);
      }
    }
  }

  #goOn(warm: WarmAggregate, type: string, later: readonly RecordedEvent[]): Error | undefined {
    const from = warm.aggregate.version + 1;
    try {
      warm.aggregate.replay(later.map((recorded, index) => this.checked(recorded, type, from + index)) as never[]);
      warm.lastEventId = later.at(-1)?.id ?? warm.lastEventId;
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** The event in its newest shape; a gap or a foreign event is a broken history. */
  protected checked(recorded: RecordedEvent, type: string, version: number): RecordedEvent {
    if (recorded.aggregateVersion !== version || recorded.aggregateType !== type) {
      const found = `${recorded.aggregateType} version ${recorded.aggregateVersion}`;
      throw new BrokenHistory(`${recorded.aggregateId}: found ${found} where ${type} version ${version} belongs`);
    }
    return upcast(this.catalogue, recorded);
  }

  /** The result, or error, that a verdict means for the caller. */
  protected async settled(save: Save, verdict: Verdict): Promise<Saved> {
    if (verdict.outcome === 'stored') return { outcome: 'stored', events: recordedEvents(save, verdict.time) };
    if (verdict.outcome !== 'repeated') throw refusalOf(verdict);
    const events = await this.readDecisions(leadIds(save));
    // New ids can be in the store only from an earlier call of this very save whose answer was lost.
    const isOwn = save.parts.some((part) => part.events.some(({ fresh, leads }) => fresh && leads));
    return { outcome: isOwn ? 'stored' : 'repeated', events };
  }
}

/** Puts the texts that `read` finds into a JSON value. */
export async function textsPut<T>(
  value: T,
  read: (refs: readonly string[]) => Promise<ReadonlyMap<string, string>>,
): Promise<WithTexts<T>> {
  const stored = textRefsIn(value).filter((each: TextRef) => !(each instanceof WrittenText));
  return putTexts(value, stored.length === 0 ? new Map() : await read(stored.map(({ ref }) => ref)));
}

/** Nothing was decided. */
export const nothingSaved: Saved = { outcome: 'stored', events: [] };

/** The error that a verdict means for the caller. */
export function refusalOf(verdict: Exclude<Verdict, { outcome: 'stored' | 'repeated' }>): Error {
  switch (verdict.outcome) {
    case 'conflict':
      return new ConcurrencyException(verdict.conflicts);
    case 'taken':
      return new EventIdTaken(verdict.taken);
    case 'busy':
      return new Busy('another save holds the aggregate', { aggregates: verdict.heads });
    case 'invalid':
      return new InvalidSave(verdict.reason);
  }
}

const typeOf = (aggregate: AnyAggregate): string => (aggregate.constructor as AggregateClass<AnyAggregate>).type;
