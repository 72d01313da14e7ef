import { isUuid, upcast, UnknownEvent, type RecordedEvent } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';
import type { RecordBatch } from '../offsets/batch-processor.ts';
import { confirmed, foreignAmong, foreignLetter, isSame } from '../offsets/confirmed.ts';
import { isFaultOfOne, parkedReason } from '../offsets/errors.ts';
import { inTransaction } from '../offsets/transaction.ts';
import { DecidingBatches, type DecidingParts, type Result } from '../process/deciding-batches.ts';
import { pairKey, park, parkedPairs, type Pair } from '../process/parked-messages.ts';
import type { RedriveAround } from '../process/redrive-messages.ts';
import type { Intake } from './intake.ts';

/** The dependencies of an intake. */
export interface IntakeParts extends DecidingParts {
  readonly intake: Intake;
}

/** The saga that asks by a step, and the aggregate it asks. */
function pairOf({ aggregateId: sagaId, data }: RecordedEvent): Pair {
  const { target } = data as { readonly target?: unknown };
  return { sagaId, targetId: typeof target === 'string' && isUuid(target) ? target : sagaId };
}

/**
 * Writes down the steps of sagas: each is confirmed with the store, then the intake's rows and the offsets are one
 * transaction.
 */
export class IntakeBatches extends DecidingBatches<IntakeParts> {
  readonly maxRecords = 500;
  private readonly types = new Set(this.parts.intake.steps.map(({ type }) => type));

  /** An undeclared type may be a step of a newer saga: it is parked, so that later steps wait behind it. */
  idsOf(event: RecordedEvent): readonly string[] | undefined {
    if (this.types.has(event.type) || !this.isDeclared(event)) return [event.aggregateId];
    this.metrics.record('skipped', 1);
    return undefined;
  }

  async handle({ records, isolated, moveOffsets, deadLetter }: RecordBatch): Promise<void> {
    const started = performance.now();
    const result = await inTransaction(this.parts.dataSource, async (tx) => {
      const [, stored, parked] = await Promise.all([
        moveOffsets(tx),
        confirmed(
          tx,
          records.map(({ event }) => event),
        ),
        parkedPairs(tx, this.schema, [...new Set(records.map(({ event }) => pairOf(event).targetId))]),
      ]);
      const strangers = records.filter(({ event }) => !isSame(stored.get(event.id), event));
      await deadLetter((await foreignAmong(tx, strangers, ({ event }) => event.id)).map(foreignLetter));
      const own = records.filter((record) => !strangers.includes(record)).map(({ event }) => event);
      const taken = isolated ? this.refused(own) : await this.take(tx, own, parked);
      await park(tx, this, taken.messages);
      taken.outcomes.push(...strangers.map(() => 'foreign' as const));
      return taken;
    });
    this.committed(result);
    this.measure(records, started);
  }

  private isDeclared({ aggregateType, type }: RecordedEvent): boolean {
    const { catalogue } = this.parts;
    const declaration = Object.hasOwn(catalogue, aggregateType) ? catalogue[aggregateType] : undefined;
    return declaration?.events.some((each) => each.type === type) ?? false;
  }

  /** Writes down stored steps, except those that are parked or wait behind a parked one. */
  private async take(tx: Transaction, events: readonly RecordedEvent[], parked: Set<string>): Promise<Result> {
    const result: Result = { outcomes: [], messages: [], reasons: [] };
    const steps: RecordedEvent[] = [];
    for (const event of events) {
      const message = { ...pairOf(event), eventId: event.id, event };
      const newest = parked.has(pairKey(message)) ? undefined : this.newest(event);
      if (newest === undefined) {
        result.messages.push(message);
        result.outcomes.push('waiting');
      } else if (newest instanceof Error) {
        parked.add(pairKey(message));
        result.messages.push({ ...message, reason: parkedReason('unknown-event', newest) });
        result.reasons.push('unknown-event');
        result.outcomes.push('parked');
      } else {
        steps.push(newest);
        result.outcomes.push('handled');
      }
    }
    if (steps.length > 0) await this.parts.intake.take(tx, steps);
    return result;
  }

  /** The one step that was refused just now. */
  private refused(events: readonly RecordedEvent[]): Result {
    const messages = events.map((event) => ({
      ...pairOf(event),
      eventId: event.id,
      event,
      reason: parkedReason('row-refused', 'PostgreSQL refused a value of it'),
    }));
    return { outcomes: messages.map(() => 'parked'), messages, reasons: messages.map(() => 'row-refused') };
  }

  private newest(event: RecordedEvent): RecordedEvent | Error {
    try {
      if (!this.types.has(event.type)) throw new UnknownEvent(event, 'no such step here');
      return upcast(this.parts.catalogue, event);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  private committed(result: Result): void {
    this.count(result);
    if (result.outcomes.includes('handled')) this.parts.intake.taken?.();
  }

  protected async again(_: Pair, event: RecordedEvent | undefined, around: RedriveAround): Promise<void> {
    const handles = event && this.idsOf(event) !== undefined;
    const result = await inTransaction(this.parts.dataSource, async (tx) => {
      await around.first(tx);
      const taken = handles ? await this.take(tx, [event], new Set()) : { outcomes: [], messages: [], reasons: [] };
      await around.settle(tx, taken.messages[0]?.reason);
      return taken;
    });
    this.committed(result);
  }

  protected async replay(events: readonly RecordedEvent[]): Promise<void> {
    const own = events.filter((event) => this.idsOf(event) !== undefined);
    await this.replaySome(own).catch(async (error: unknown) => {
      if (!isFaultOfOne(error)) throw error;
      for (const event of own) await this.replaySome([event]).catch((fault: unknown) => this.parkOne(event, fault));
    });
  }

  private async replaySome(events: readonly RecordedEvent[]): Promise<void> {
    const result = await inTransaction(this.parts.dataSource, async (tx) => {
      const targets = [...new Set(events.map((event) => pairOf(event).targetId))];
      const taken = await this.take(tx, events, await parkedPairs(tx, this.schema, targets));
      await park(tx, this, taken.messages);
      return taken;
    });
    this.committed(result);
  }

  private async parkOne(event: RecordedEvent, error: unknown): Promise<void> {
    if (!isFaultOfOne(error)) throw error;
    const message = { ...pairOf(event), eventId: event.id, event, reason: parkedReason('row-refused', error) };
    await inTransaction(this.parts.dataSource, (tx) => park(tx, this, [message]));
    this.committed({ outcomes: ['parked'], messages: [message], reasons: ['row-refused'] });
  }
}
