import { causedEventId, upcast, type Catalogue, type RecordedEvent } from '@tradecore/events';
import type { Verdict } from './append-events.ts';
import type { AggregateClass, AnyAggregate } from './base-aggregate.ts';
import { EventStore, type AsOf, type ReadRange, type Saved } from './event-store.ts';
import { prepareSave, recordedEvents, type Decision, type Save } from './save.ts';
import {
  dueSnapshots,
  fromSnapshot,
  snapshotsTotal,
  wantedSnapshot,
  type NewSnapshot,
  type SnapshotWanted,
  type StoredSnapshot,
  type UpTo,
} from './snapshots.ts';
import { BrokenHistory, Busy, ConcurrencyException, InvalidSave } from './store-errors.ts';

/** Events a page or a batch, at most. */
export const pageSize = 1000;
/** The latest version that there can be. */
export const maxVersion = 2_147_483_647;

/** A page of one aggregate's history; `until`: not later than this time. */
export interface Page {
  readonly aggregateId: string;
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  readonly until?: string;
}

/** What every store has in common: how a save is prepared and its verdict told, how an aggregate is brought up from pages of history. */
export abstract class RecordingStore extends EventStore {
  constructor(protected readonly catalogue: Catalogue) {
    super();
  }

  protected abstract append(save: Save): Promise<Verdict>;
  protected abstract readPage(page: Page): Promise<RecordedEvent[]>;
  /** Everything that was stored by the saves of these first event ids. */
  protected abstract readSaved(firstIds: readonly string[]): Promise<RecordedEvent[]>;

  /** The snapshots that there are of these, not later than `upTo`. */
  protected abstract readSnapshots(wanted: readonly SnapshotWanted[], upTo: UpTo): Promise<StoredSnapshot[]>;
  protected abstract writeSnapshots(snapshots: readonly NewSnapshot[]): Promise<void>;

  async saveAggregate(aggregate: AnyAggregate, expectedVersion?: number): Promise<Saved> {
    return this.#save([{ aggregate, expected: expectedVersion ?? decidedOn(aggregate) }]);
  }

  async saveAggregates(aggregates: readonly AnyAggregate[]): Promise<Saved> {
    return this.#save(aggregates.map((aggregate) => ({ aggregate, expected: decidedOn(aggregate) })));
  }

  async loadAggregate<A extends AnyAggregate>(type: AggregateClass<A>, id: string): Promise<A> {
    return this.#replay(type, id, {});
  }

  async loadAggregateAsOf<A extends AnyAggregate>(type: AggregateClass<A>, id: string, asOf: AsOf): Promise<A> {
    return this.#replay(type, id, 'version' in asOf ? { to: asOf.version } : { until: asOf.time });
  }

  async readEvents(
    aggregateId: string,
    { from = 1, to = maxVersion, limit = pageSize }: ReadRange = {},
  ): Promise<RecordedEvent[]> {
    if (!(limit >= 1 && limit <= pageSize)) throw new RangeError(`limit is 1 to ${pageSize}, not ${limit}`);
    return this.readPage({ aggregateId, from, to, limit });
  }

  async readCommand(commandId: string, aggregateId: string): Promise<RecordedEvent[]> {
    return this.readSaved([causedEventId(commandId, aggregateId, 0)]);
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
    return wanted && fromSnapshot(type, (await this.readSnapshots([wanted], upTo))[0]);
  }

  /** Of aggregates that have just been stored: those whose snapshot is due. */
  protected async keepSnapshots(aggregates: Iterable<AnyAggregate>): Promise<void> {
    const due = dueSnapshots(aggregates);
    if (due.length === 0) return;
    await this.writeSnapshots(due);
    snapshotsTotal.inc({ outcome: 'written' }, due.length);
  }

  /** The event in its newest shape; a hole or a foreign event is a broken history. */
  protected checked(recorded: RecordedEvent, type: string, version: number): RecordedEvent {
    if (recorded.aggregateVersion !== version || recorded.aggregateType !== type) {
      const found = `${recorded.aggregateType} version ${recorded.aggregateVersion}`;
      throw new BrokenHistory(`${recorded.aggregateId}: found ${found} where ${type} version ${version} belongs`);
    }
    return upcast(this.catalogue, recorded);
  }

  async #save(decisions: readonly Decision[]): Promise<Saved> {
    const changed = decisions.filter(({ aggregate }) => aggregate.uncommittedEvents.length > 0);
    if (changed.length === 0) return { outcome: 'stored', events: [] };
    const save = prepareSave(this.catalogue, changed);
    const verdict = await this.append(save);
    switch (verdict.outcome) {
      case 'stored':
        for (const { aggregate } of changed) aggregate.markCommitted();
        await this.keepSnapshots(changed.map(({ aggregate }) => aggregate));
        return { outcome: 'stored', events: recordedEvents(save, verdict.time) };
      case 'repeated':
        return this.#repeated(save);
      default:
        throw refusalOf(verdict);
    }
  }

  /** Fresh ids can be in the store only by an earlier call of this very save, whose answer was lost. */
  async #repeated(save: Save): Promise<Saved> {
    const events = await this.readSaved(save.parts.flatMap(({ events: [first] }) => (first ? [first.id] : [])));
    for (const { aggregate, aggregateId, expected } of save.parts) {
      const first = events.find((event) => event.aggregateId === aggregateId);
      if (first?.aggregateVersion === expected + 1) aggregate.markCommitted();
    }
    return { outcome: save.fresh ? 'stored' : 'repeated', events };
  }
}

/** What a verdict means to whoever saved. */
export function refusalOf(verdict: Exclude<Verdict, { outcome: 'stored' | 'repeated' }>): Error {
  switch (verdict.outcome) {
    case 'conflict':
      return new ConcurrencyException(verdict.aggregateId, verdict.expected, verdict.found);
    case 'busy':
      return new Busy('somebody holds the aggregate');
    case 'invalid':
      return new InvalidSave(verdict.reason);
  }
}

/** The version that an aggregate had before its uncommitted events. */
export const decidedOn = (aggregate: AnyAggregate): number => aggregate.version - aggregate.uncommittedEvents.length;
