import { setImmediate as immediately } from 'node:timers/promises';
import type { Event, RecordedEvent } from '@tradecore/events';
import {
  Busy,
  ConcurrencyException,
  databaseFault,
  EventIdTaken,
  isDataError,
  type Transaction,
} from '@tradecore/event-sourcing';
import { logger } from '@tradecore/telemetry';
import type { RecordBatch } from '../offsets/batch-processor.ts';
import { confirmed, foreignAmong, foreignLetter, isSame } from '../offsets/confirmed.ts';
import { isFaultOfOne, parkedReason } from '../offsets/errors.ts';
import { inTransaction, outsideTransaction, type PipelinedTransaction } from '../offsets/transaction.ts';
import { DecidingBatches, type DecidingParts } from './deciding-batches.ts';
import { heardAgain, isAsked } from './heard-again.ts';
import { inputOf, sagaOf, type Input } from './inputs.ts';
import { park, type Pair, type ParkedMessage } from './parked-messages.ts';
import type { Process } from './process.ts';
import { ProcessReader, sagasOf, type Reading } from './process-reader.ts';
import type { RedriveAround } from './redrive-messages.ts';
import { restoreSql, suspend, writeSagas, type SagaChange } from './saga-rows.ts';
import { messageOf, Stale, UnitOfWork, type Known } from './unit-of-work.ts';

/** The dependencies of a process. */
export interface ProcessParts extends DecidingParts {
  readonly process: Process;
  /** Called with the stored events after the commit, for counting. A call may be missed; never throws. */
  readonly stored?: ((events: readonly Pick<Event, 'type' | 'data'>[]) => void) | undefined;
}

const log = logger('consumers');
/** Inputs of one transaction: if their aggregates are locked, they are locked together. */
const maxInputs = 50;
/** An aggregate that another transaction holds for longer is left to it, and the input is retried. */
export const lockWaitMs = 200;
/** A process that freezes while it holds locks loses them after this long. */
const idleMs = 2000;

/** Decisions, and what they were made on. */
export interface Decision {
  readonly unit: UnitOfWork;
  readonly known: Pick<Known, 'aggregates' | 'rows'>;
}

/** What a unit of work does in addition to its decisions. */
export interface Around {
  /** In the transaction, before anything is locked. */
  readonly first?: (tx: Transaction) => Promise<void>;
  /** In the transaction, when all is decided. */
  readonly last?: (tx: PipelinedTransaction, unit: UnitOfWork) => Promise<void>;
  /** Sends records that are not in the store to the dead letters, while nothing is locked. */
  readonly foreign?: (inputs: readonly Input[]) => Promise<void>;
  /** As the very last statement. */
  readonly after?: (tx: PipelinedTransaction) => void;
  /**
   * A saga whose parked messages are retried: it does not count as parked for this unit, and its deadlines stay off.
   */
  readonly redriven?: string;
}

/**
 * The inputs of a process: each is decided once, and everything that follows is stored in the transaction that moves
 * the offsets. Normally nothing is locked while deciding: the append verifies the versions decided on, and the row
 * writes verify the rows read; where that fails, the heads are locked and it is decided again. See
 * docs/exactly-once.md.
 */
export class ProcessBatches extends DecidingBatches<ProcessParts> {
  readonly maxRecords = maxInputs;
  readonly reader = new ProcessReader({ ...this.parts, schema: this.schema });
  private readonly outside = outsideTransaction(this.parts.dataSource);

  /** Aggregates are verified by the store, saga rows only when they are written. */
  forget(): void {
    this.reader.rows.clear();
  }

  idsOf(event: RecordedEvent): readonly string[] | undefined {
    if (isAsked(event, this.name)) return [event.data.target];
    const input = this.inputOf(event);
    if (input && !this.reader.hasHeard(input)) return input.ids;
    if (!input) this.reader.skip(event);
    this.metrics.record(input ? 'repeated' : 'skipped', 1);
    return undefined;
  }

  async handle({ records, isolated, moveOffsets, deadLetter }: RecordBatch): Promise<void> {
    const started = performance.now();
    const heard = records.flatMap((record) => {
      const input = this.inputOf(record.event);
      return input ? [{ ...input, record }] : [];
    });
    const inputOf = (event: RecordedEvent) => this.inputOf(event);
    const again = await heardAgain({ ...this.parts, outside: this.outside, inputOf }, { records, deadLetter });
    const inputs = [...heard, ...again];
    const foreign = async (strangers: readonly Input[]): Promise<void> => {
      const unheld = strangers.flatMap(({ record }) => record ?? []);
      await deadLetter((await foreignAmong(this.outside, unheld, ({ event }) => event.id)).map(foreignLetter));
    };
    await this.hear(inputs, { first: moveOffsets, foreign }, isolated);
    this.measure(records, started);
  }

  /** Decides about inputs and stores what follows. `isolated`: a single input, which is parked when it fails again. */
  private async hear(inputs: readonly Input[], around: Around = {}, isolated = false): Promise<void> {
    if (isolated) return this.alone(inputs, around);
    if (inputs.some(({ isAgain }) => isAgain)) return this.locked(inputs, around);
    try {
      return await this.unlocked(inputs, around);
    } catch (error) {
      if (!isStale(error)) throw error;
    }
    return this.locked(inputs, around);
  }

  /** An input that is not in the store becomes a dead letter before it can do harm. */
  private async alone(inputs: readonly Input[], around: Around): Promise<void> {
    try {
      await this.locked(inputs, around);
    } catch (error) {
      if (!isFaultOfOne(error)) throw error;
      const [input] = inputs as [Input];
      await this.parkAlone(messageOf(input), error, around.first);
    }
  }

  /** Nothing is locked while decisions are made. */
  private async unlocked(inputs: readonly Input[], around: Around): Promise<void> {
    const reading = await this.reader.read(inputs, around.redriven !== undefined);
    if (reading.foreign.size > 0) return this.unlocked(await this.withoutForeign(inputs, reading, around), around);
    const unit = this.decide(inputs, this.freed(reading, around));
    await this.transact(around, async (tx) => {
      const strangers = async () => (reading.isWarm ? this.strangers(tx, reading.believed) : []);
      const [, found] = await Promise.all([around.first?.(tx), strangers(), this.append(tx, unit)]);
      if (found.length > 0) throw new Stale('a record is not one of the store');
      return { unit, known: reading };
    });
  }

  /** For what could not be stored the usual way: locks the heads first, then decides. */
  private async locked(inputs: readonly Input[], around: Around): Promise<void> {
    const reading = await this.reader.read(inputs, true);
    if (reading.foreign.size > 0) return this.locked(await this.withoutForeign(inputs, reading, around), around);
    await this.transact(around, async (tx) => {
      await around.first?.(tx);
      const known = await this.reader.lock(tx, { ...reading, inputs, sagaIds: sagasOf(inputs), waitMs: lockWaitMs });
      const unit = this.decide(inputs, this.freed(known, around));
      await this.append(tx, unit);
      return { unit, known };
    });
  }

  /** One transaction: what `work` decides and appends, then the rows beside it. */
  async transact<D extends Decision>(around: Around, work: (tx: PipelinedTransaction) => Promise<D>): Promise<D> {
    const { decision, changes } = await inTransaction(
      this.parts.dataSource,
      async (tx) => {
        const decided = await work(tx);
        return { decision: decided, changes: await this.write(tx, decided.unit, around) };
      },
      { idleMs },
    );
    this.committed(decision, changes);
    return decision;
  }

  /** Appends what was decided. */
  async append(tx: Transaction, { parts }: UnitOfWork): Promise<void> {
    if (parts.length > 0) await this.parts.store.within(tx).saveBatch(parts, lockWaitMs);
  }

  private decide(inputs: readonly Input[], known: Known): UnitOfWork {
    const unit = new UnitOfWork(this.parts, known);
    for (const input of inputs) unit.hear(input);
    return unit;
  }

  /** Writes the rows beside the events. */
  private async write(tx: PipelinedTransaction, unit: UnitOfWork, { last, after, redriven }: Around): Promise<SagaChange[]> {
    const changes = unit.changes(new Set(redriven === undefined ? [] : [redriven]));
    if (redriven === undefined) await park(tx, this, unit.messages);
    await last?.(tx, unit);
    if (changes.length > 0) void tx.last(...writeSagas(this.schema, changes));
    after?.(tx);
    return changes;
  }

  /** Counts what was committed and keeps it for the next batch; writes snapshots that are due. */
  private committed({ unit, known }: Decision, changes: readonly SagaChange[]): void {
    const changed = new Map(changes.map((change) => [change.sagaId, change]));
    const silent = new Set(unit.messages.map(({ sagaId }) => sagaId));
    const untouched = [...known.rows.values()].filter(({ sagaId }) => !changed.has(sagaId) && !silent.has(sagaId));
    const open = changes.flatMap(({ isEnded, ...row }) =>
      isEnded || silent.has(row.sagaId) ? [] : [{ ...row, revision: row.revision + 1 }],
    );
    this.reader.keep(known, [...untouched, ...open]);
    this.count(unit);
    this.countStored(unit);
    this.tellStuck(changes, known);
    void this.keepSnapshots(unit, known);
  }

  private countStored({ parts }: UnitOfWork): void {
    this.metrics.events(parts.reduce((sum, { events }) => sum + events.length, 0));
    for (const { events } of parts)
      this.parts.stored?.(events.map(({ type, data }) => ({ type, data: JSON.parse(data) as object })));
  }

  private tellStuck(changes: readonly SagaChange[], { rows }: Pick<Known, 'rows'>): void {
    for (const { sagaId, isStuck, isEnded, aggregateIds, origin } of changes) {
      if (!isStuck || isEnded || rows.get(sagaId)?.isStuck) continue;
      const orderId = aggregateIds[this.parts.process.aggregates.findIndex(({ type }) => type === 'Order')];
      log.error({ saga: this.name, sagaId, accountId: origin.account, orderId }, 'a saga is stuck: no answer within its budget');
    }
  }

  private async keepSnapshots({ parts }: UnitOfWork, { aggregates }: Pick<Known, 'aggregates'>): Promise<void> {
    await immediately(); // the next batch first
    const changed = new Set(parts.map(({ id }) => id)).values();
    const warm = [...changed].flatMap((id) => {
      const found = aggregates.get(id);
      return !found || found instanceof Error ? [] : [found.aggregate];
    });
    await this.parts.store.keepSnapshots(warm).catch((error: unknown) => log.warn({ err: error }, 'snapshots were not written'));
  }

  private freed<K extends Known>(known: K, { redriven }: Around): K {
    return redriven === undefined ? known : { ...known, parked: [...known.parked].filter((sagaId) => sagaId !== redriven) };
  }

  /**
   * While nothing is locked. The rest is read again: a foreign record took the place of a version, and the stored event
   * of that version is missing.
   */
  private async withoutForeign(inputs: readonly Input[], { foreign }: Reading, around: Around): Promise<readonly Input[]> {
    const strangers = inputs.filter((input) => foreign.has(input));
    await around.foreign?.(strangers);
    this.metrics.record('foreign', strangers.length);
    return inputs.filter((input) => !foreign.has(input));
  }

  /** Those of these events that the store does not hold unchanged. */
  private async strangers(tx: Transaction, events: readonly RecordedEvent[]): Promise<readonly RecordedEvent[]> {
    const stored = await confirmed(tx, events);
    return events.filter((event) => !isSame(stored.get(event.id), event));
  }

  /** Parks what could not be stored even alone; its saga stays without a deadline. */
  async parkAlone(refused: ParkedMessage, error: unknown, first?: Around['first']): Promise<void> {
    const reason = isDataError(error) ? 'row-refused' : 'handler-failed';
    const message = { ...refused, reason: parkedReason(reason, error) };
    await inTransaction(this.parts.dataSource, async (tx) => {
      await first?.(tx);
      await park(tx, this, [message]);
      await suspend(tx, this.schema, [message.sagaId]);
    });
    this.count({ outcomes: refused.eventId === null ? [] : ['parked'], reasons: [reason], messages: [message] });
  }

  protected async replay(events: readonly RecordedEvent[]): Promise<void> {
    const inputs = events.flatMap((event) => this.inputOf(event) ?? []);
    for (let from = 0; from < inputs.length; from += maxInputs) {
      const some = inputs.slice(from, from + maxInputs);
      await this.hear(some).catch(async (error: unknown) => {
        if (!(isFaultOfOne(error) || error instanceof Busy)) throw error;
        for (const input of some) await this.replayOne(input);
      });
    }
  }

  private async replayOne(input: Input): Promise<void> {
    for (;;) {
      try {
        await this.hear([input], {}, true);
        return;
      } catch (error) {
        if (!(error instanceof Busy)) throw error;
      }
    }
  }

  /**
   * The deadline returns with a saga's last message: it is checked and set again from the saga's state at that time.
   */
  protected async again(pair: Pair, event: RecordedEvent | undefined, around: RedriveAround): Promise<void> {
    const input = event && this.inputOf(event);
    const restore = (tx: PipelinedTransaction): void => void tx.last(restoreSql(this.schema), [pair.sagaId]);
    const settled = async (tx: PipelinedTransaction): Promise<void> => {
      await around.first(tx);
      await around.settle(tx, undefined);
    };
    if (!input) {
      await inTransaction(this.parts.dataSource, async (tx) => {
        await settled(tx);
        restore(tx);
      });
    } else if (sagaOf(input) !== pair.sagaId) {
      // It was parked without its saga's id, which is known now: that saga may be parked as well.
      await this.hear([input], { first: (tx) => settled(tx as PipelinedTransaction) });
    } else {
      await this.hear([input], {
        first: (tx) => around.first(tx),
        last: (tx, { messages }) => around.settle(tx, messages.find(({ reason }) => reason !== undefined)?.reason),
        after: restore,
        redriven: pair.sagaId,
      });
    }
  }

  private inputOf(event: RecordedEvent): Input | undefined {
    return inputOf(this.parts.process, this.parts.catalogue, event);
  }
}

/** Another transaction changed what was decided on: it is decided again. `must_be_all` raises 40001. */
const isStale = (error: unknown): boolean =>
  error instanceof Stale ||
  error instanceof ConcurrencyException ||
  error instanceof EventIdTaken ||
  databaseFault(error) === 'stale';
