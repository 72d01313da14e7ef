import type { Catalogue, RecordedEvent } from '@tradecore/events';
import type { WorkContext } from '@tradecore/telemetry';
import { appendParameters, appendSql, failureOf, toVerdicts, type Verdict } from './append-events.ts';
import type { AggregateClass, AnyAggregate } from './base-aggregate.ts';
import { isEvent, loadLockedSql, toRecorded, type LoadedRow } from './load-locked.ts';
import { decidedOn, maxVersion, pageSize, refusalOf } from './recording-store.ts';
import { limits, partOf, prepareEvents, recordedEvents, type PreparedEvent, type Save } from './save.ts';
import { fromSnapshot, wantedSnapshot } from './snapshots.ts';
import { SqlEventStore, type Transaction } from './sql-event-store.ts';
import { Busy, ConcurrencyException, PayloadTooLarge } from './store-errors.ts';

/** How long a save in a caller's transaction waits for each lock. */
const lockWaitMs = 2000;
/** A call of `append_events` carries at most this much. */
const callSaves = 500;
const callBytes = 4 * 1024 * 1024;

/** A committed aggregate, as it was loaded or as the caller kept it from an earlier transaction. */
export interface Held<A extends AnyAggregate = AnyAggregate> {
  readonly aggregate: A;
  /** The id of its last event; null before the first. */
  readonly lastEventId: string | null;
}

/** Which aggregate to load for a decision. */
export interface Wanted<A extends AnyAggregate = AnyAggregate> {
  readonly type: AggregateClass<A>;
  readonly id: string;
  /** Only what came later is read. Without effect when the store has not this last event. */
  readonly held?: Held<A> | undefined;
}

/** What `loadMany` found. */
export interface LoadedMany {
  /** By id, brought up to their last event and locked; an `Error` where history could not be replayed. */
  readonly aggregates: ReadonlyMap<string, Held | Error>;
  /** By id, as stored: those of the events looked up that are there. */
  readonly events: ReadonlyMap<string, RecordedEvent>;
  /** The time of the database after the locks were had: RFC 3339, UTC, microseconds. */
  readonly now: string;
}

/** A decision that can be stored: checked, named, serialised. */
export interface PreparedDecision {
  readonly aggregate: AnyAggregate;
  readonly events: readonly PreparedEvent[];
}

/** The event store inside a caller's transaction, with what batches of decisions need. */
export class TransactionEventStore extends SqlEventStore {
  constructor(
    catalogue: Catalogue,
    private readonly transaction: Transaction,
  ) {
    super(catalogue);
  }

  /**
   * Locks these aggregates until the transaction ends, also those that do not exist yet, in an order that all writers keep; then reads what
   * they lack and the events `lookups` (ids). One statement, and one before it where classes with snapshots are not held. The login must be the writer of their types. Throws `Busy` after 2 s.
   */
  async loadMany(wanted: readonly Wanted[], lookups: readonly string[] = []): Promise<LoadedMany> {
    const asked = await this.#fromSnapshots(wanted);
    const rows = await this.#loadRows(asked, lookups);
    const heads = rows.filter((row) => !isEvent(row));
    const byNumber = Map.groupBy(rows.filter(isEvent), ({ number }) => number);
    const aggregates = new Map<string, Held | Error>();
    for (const head of heads) {
      const each = asked[head.number - 1] as Wanted;
      aggregates.set(each.id, await this.#bringUp(each, head, byNumber.get(head.number)?.map(toRecorded) ?? []));
    }
    const events = new Map((byNumber.get(0) ?? []).map((row) => [row.id, toRecorded(row)]));
    return { aggregates, events, now: heads[0]?.at ?? '' };
  }

  /** What is not held goes on from its snapshot, where there is one to believe: it is held then, its last event the snapshot's. */
  async #fromSnapshots(wanted: readonly Wanted[]): Promise<readonly Wanted[]> {
    const sought = wanted.flatMap(({ type, id, held }) => (held ? [] : (wantedSnapshot(type, id) ?? [])));
    if (sought.length === 0) return wanted;
    const found = await this.readSnapshots(sought, { to: maxVersion });
    const byId = new Map(found.map((snapshot) => [snapshot.aggregateId, snapshot]));
    return wanted.map((each) => {
      if (each.held || !each.type.snapshots) return each;
      const snapshot = byId.get(each.id);
      const aggregate = fromSnapshot(each.type, snapshot);
      return aggregate && snapshot ? { ...each, held: { aggregate, lastEventId: snapshot.lastEventId } } : each;
    });
  }

  async #loadRows(wanted: readonly Wanted[], lookups: readonly string[]): Promise<LoadedRow[]> {
    try {
      return (await this.query(loadLockedSql, [
        wanted.map(({ id }) => id),
        wanted.map(({ type }) => type.type),
        wanted.map(({ held }) => held?.aggregate.version ?? 0),
        wanted.map(({ held }) => held?.lastEventId ?? null),
        lookups,
        lockWaitMs,
        pageSize,
      ])) as LoadedRow[];
    } catch (error) {
      throw busyWhenLocked(error);
    }
  }

  /** What is held goes on where its last event is the store's; else all of history came, and an aggregate begins anew. */
  async #bringUp({ type, id, held }: Wanted, head: LoadedRow, history: RecordedEvent[]): Promise<Held | Error> {
    const { aggregate, lastEventId } =
      held && isNext(held, head, history) ? held : { aggregate: new type(id), lastEventId: null };
    let last = lastEventId;
    try {
      for (let page = history; ; page = await this.readEvents(id, { from: aggregate.version + 1 })) {
        const from = aggregate.version + 1;
        aggregate.replay(page.map((recorded, index) => this.checked(recorded, type.type, from + index)) as never[]);
        last = page.at(-1)?.id ?? last;
        if (aggregate.version === head.version) return { aggregate, lastEventId: last };
        if (page.length === 0) return new Error(`${id} is at version ${head.version}, its history ends at ${aggregate.version}`);
      }
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /**
   * Makes the last `count` uncommitted events of an aggregate ready for `saveBatch`, as the decision of one context. Throws
   * `PayloadTooLarge` (more than 100 events, more than 256 KiB each), `TextNotStorable`, `InvalidSave`: then it must not be saved.
   */
  prepare(aggregate: AnyAggregate, count: number, context: WorkContext): PreparedDecision {
    if (count > limits.saveEvents) throw new PayloadTooLarge(`a decision of ${count} events, more than ${limits.saveEvents}`);
    return { aggregate, events: prepareEvents(this.catalogue, aggregate, aggregate.uncommittedEvents.slice(-count), context) };
  }

  /**
   * Stores all uncommitted events of these aggregates: many decisions, each in its own context, also several of one aggregate (in order).
   * One statement for up to 100 events of an aggregate and 500 aggregates. Look the first id of each decision up before: one that is stored
   * already, as any conflict, is `ConcurrencyException`: roll back, begin again. Returns what is stored, decision by decision. Events of one
   * aggregate that travel together have one time.
   */
  async saveBatch(decisions: readonly PreparedDecision[]): Promise<RecordedEvent[]> {
    const byAggregate = Map.groupBy(decisions, ({ aggregate }) => aggregate);
    const chunks = [...byAggregate].map(([aggregate, own]) => chunksOf(aggregate, own));
    const stored = new Map<string, RecordedEvent>();
    for (let round = 0; chunks.some((own) => round < own.length); round += 1) {
      for (const call of calls(chunks.flatMap((own) => own[round] ?? []))) {
        for (const event of await this.#appendAll(call)) stored.set(event.id, event);
      }
    }
    for (const aggregate of byAggregate.keys()) aggregate.markCommitted();
    await this.keepSnapshots(byAggregate.keys());
    return decisions.flatMap(({ events }) => events.map(({ id }) => stored.get(id) as RecordedEvent));
  }

  async #appendAll(saves: readonly Save[]): Promise<RecordedEvent[]> {
    const verdicts = await this.#call(saves);
    return saves.flatMap((save, index) => {
      const verdict = verdicts[index] as Verdict;
      if (verdict.outcome === 'stored') return recordedEvents(save, verdict.time);
      const [part] = save.parts;
      if (verdict.outcome === 'repeated') throw new ConcurrencyException(part?.aggregateId ?? '', part?.expected ?? 0, -1);
      throw refusalOf(verdict);
    });
  }

  async #call(saves: readonly Save[]): Promise<Verdict[]> {
    try {
      const rows = await this.query(appendSql, appendParameters(saves, lockWaitMs));
      return toVerdicts(saves, rows as Parameters<typeof toVerdicts>[1]);
    } catch (error) {
      throw busyWhenLocked(error);
    }
  }

  protected async append(save: Save): Promise<Verdict> {
    const [verdict] = await this.#call([save]);
    return verdict as Verdict;
  }

  protected async query(sql: string, parameters?: unknown[]): Promise<unknown[]> {
    return (await this.transaction.query(sql, parameters)) as unknown[];
  }

  protected openTransaction(): Promise<Transaction & { end(): Promise<void> }> {
    const query = (sql: string, parameters?: unknown[]): Promise<unknown> => this.transaction.query(sql, parameters);
    // In a transaction that has failed there is nothing to close.
    const end = (): Promise<void> => query('close tradecore_read_all').then(nothing, nothing);
    return Promise.resolve({ query, end });
  }
}

const nothing = (): void => undefined;

const busyWhenLocked = (error: unknown): unknown =>
  failureOf(error) === 'locked' ? new Busy('somebody holds the aggregate', { waitedMs: lockWaitMs }, { cause: error }) : error;

/** Whether what the store returned follows what is held. */
const isNext = ({ aggregate }: Held, head: LoadedRow, [first]: readonly RecordedEvent[]): boolean =>
  first ? first.aggregateVersion === aggregate.version + 1 : head.version === aggregate.version;

/** The decisions on one aggregate as saves of at most 100 events and 1 MiB, one after the other. */
function chunksOf(aggregate: AnyAggregate, decisions: readonly PreparedDecision[]): Save[] {
  const events = decisions.flatMap((each) => each.events);
  if (events.length !== aggregate.uncommittedEvents.length) {
    throw new Error(`${aggregate.id}: ${events.length} events are prepared of ${aggregate.uncommittedEvents.length}`);
  }
  let expected = decidedOn(aggregate);
  return split(events, limits.saveEvents, limits.saveBytes).map((chunk) => {
    const part = partOf({ aggregate, expected }, chunk);
    expected += chunk.length;
    return { parts: [part], bytes: bytesOf(chunk), fresh: false };
  });
}

const calls = (saves: readonly Save[]): Save[][] => split(saves, callSaves, callBytes);

const bytesOf = (events: readonly { readonly bytes: number }[]): number => events.reduce((sum, { bytes }) => sum + bytes, 0);

/** In order, each piece within both limits, or of one element. */
function split<T extends { readonly bytes: number }>(all: readonly T[], maxCount: number, maxBytes: number): T[][] {
  const pieces: T[][] = [];
  let bytes = 0;
  for (const each of all) {
    const last = pieces.at(-1);
    bytes += each.bytes;
    if (last && last.length < maxCount && bytes <= maxBytes) last.push(each);
    else {
      pieces.push([each]);
      bytes = each.bytes;
    }
  }
  return pieces;
}
