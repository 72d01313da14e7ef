import { AsyncLocalStorage } from 'node:async_hooks';
import { heartbeat, logger } from '@tradecore/telemetry';
import type { Pool } from 'pg';
import { appendCall, toVerdicts, type Verdict } from './append-events.ts';
import { batchSize, queuedSaves, saveSeconds, savesTotal, type Outcome } from './append-metrics.ts';
import { checkOut } from '../sessions/checkout.ts';
import { databaseFault, type DatabaseFault } from '../sessions/database-faults.ts';
import type { SaveOptions } from '../store/event-store.ts';
import { leadIds, limits, type Save } from './save.ts';
import { Busy, DatabaseUnavailable, InvalidSave, OutcomeUnknown, StoreClosed } from '../store/store-errors.ts';

/** Limits of one call. */
const batchSaves = 200;
/** Fewer saves are not worth a second call. */
const fullEnough = 16;
const batchBytes = 4 * 1024 * 1024;
/** Connections for calls that never wait for a lock, and for those that do. */
const quickLanes = 2;
const patientLanes = 2;
/** How often busy saves are sent again, after up to 2, 4, 8, ... ms; then alone, waiting for the lock. */
const quickAttempts = 6;
const lockWaitMs = 2000;
/** Pause before a retry after a lost connection. */
const reconnectMs = 50;
/** How many decisions with an unknown outcome are remembered. */
const undecidedLimit = 10_000;
/** How long to retry when the database can't store now: another session may reach a node that can. */
const unavailableMs = 1000;

const log = logger('event-store');

/** Milliseconds. */
export interface QueueTimes {
  /** A save that takes longer is refused. */
  readonly saveTimeoutMs: number;
  /** An answer that takes longer counts as a lost connection. */
  readonly answerTimeoutMs: number;
}

interface Waiting {
  readonly save: Save;
  /** The caller wants to know at once when another save holds an aggregate. */
  readonly refuses: boolean;
  readonly since: number;
  deadline: number;
  /** Runs in the caller's context: the SQL of a call belongs to the trace of its first save. */
  readonly inContext: <T>(work: () => T) => T;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: unknown) => void;
  attempts: number;
  /** No other save of this process has its aggregates in flight. */
  entered?: boolean;
  /**
   * A call with this save got no answer: it is or may yet be stored. Until that is resolved, no other failure counts.
   */
  lost: boolean;
  /** Why it is not yet decided. */
  fault?: unknown;
}

/**
 * Group commit: saves that arrive while a call is in flight are sent together in the next one. Only one save that
 * writes an aggregate is in flight at once; others wait behind it, because in one call only the first could win. Saves
 * that only assert it don't wait.
 */
export class AppendQueue {
  #ready: Waiting[] = [];
  readonly #patient: Waiting[] = [];
  /** By aggregate in flight: the saves waiting behind it. */
  readonly #behind = new Map<string, Waiting[]>();
  /**
   * First events of decisions that ended in `OutcomeUnknown`: until they are resolved, a retry is never told that
   * nothing is stored.
   */
  readonly #undecided = new Set<string>();
  #lanes = 0;
  #patientLanes = 0;
  #saves = 0;
  #bytes = 0;
  #pumping = false;
  #closing: Promise<void> | undefined;
  #closed: (() => void) | undefined;
  readonly #beating = heartbeat('event-store-appends');
  readonly #lockWaitMs: number;

  constructor(
    private readonly pool: Pool,
    private readonly times: QueueTimes,
  ) {
    this.#lockWaitMs = Math.min(lockWaitMs, times.answerTimeoutMs / 2);
  }

  /**
   * Queues a save; its verdict is any but busy. Rejects with `Busy`, `DatabaseUnavailable` or `OutcomeUnknown`. `lost`:
   * a commit of it got no answer elsewhere; it is accepted in any case.
   */
  append(save: Save, { onBusy = 'wait' }: SaveOptions = {}, lost = false): Promise<Verdict> {
    if (this.#closing && !lost) return Promise.reject(new Busy('the event store is closing'));
    if (!lost && (this.#saves >= limits.queuedSaves || this.#bytes + save.bytes > limits.queuedBytes)) {
      savesTotal.inc({ outcome: 'busy' });
      return Promise.reject(new Busy('the queue of the event store is full', { queued: this.#saves }));
    }
    this.#saves += 1;
    this.#bytes += save.bytes;
    queuedSaves.set(this.#saves);
    const since = performance.now();
    const isLost = lost || this.isUndecided(leadIds(save));
    return new Promise((resolve, reject) => {
      const deadline = since + this.times.saveTimeoutMs;
      const refuses = onBusy === 'refuse';
      const inContext = AsyncLocalStorage.snapshot();
      this.#enter({ save, refuses, since, deadline, inContext, resolve, reject, attempts: 0, lost: isLost });
    });
  }

  /** Whether one of these is the first event of a decision that is or may yet be stored. */
  isUndecided(ids: readonly string[]): boolean {
    return this.#undecided.size > 0 && ids.some((id) => this.#undecided.has(id));
  }

  /** Refuses new saves; resolves, for every caller, when the last one in flight is decided. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#closed = resolve;
      if (this.#saves === 0) resolve();
    });
    return this.#closing;
  }

  #enter(waiting: Waiting): void {
    const written = writtenIn(waiting.save);
    for (const { id, expected } of written) {
      const behind = this.#behind.get(id);
      if (!behind) continue;
      if (waiting.refuses && expected > 0 && !waiting.lost) return this.#refuse(waiting, [id]);
      return void behind.push(waiting);
    }
    for (const { id } of written) this.#behind.set(id, []);
    waiting.entered = true;
    this.#send(waiting);
  }

  /** In the next turn of the event loop, so that callers of one turn share a call. */
  #send(waiting: Waiting): void {
    this.#ready.push(waiting);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#lanes < quickLanes && this.#ready.length > 0) {
      const batch = this.#take();
      this.#lanes += 1;
      // A save that waits for saves asserting what it changes is sent alone.
      void this.#attempt(batch, batch[0]?.save.excludes ? this.#lockWaitMs : null).finally(() => {
        this.#lanes -= 1;
        this.#schedule();
      });
    }
    while (this.#patientLanes < patientLanes && this.#patient.length > 0) {
      this.#patientLanes += 1;
      void this.#attempt(this.#patient.splice(0, 1), this.#lockWaitMs).finally(() => {
        this.#patientLanes -= 1;
        this.#schedule();
      });
    }
  }

  /** A fair share for each free lane: with all saves in one call, the other lanes would idle until it returns. */
  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    const share = Math.max(fullEnough, Math.ceil(this.#ready.length / (quickLanes - this.#lanes)));
    for (const { save } of this.#ready) {
      bytes += save.bytes;
      if (count === Math.min(batchSaves, share) || (count > 0 && (bytes > batchBytes || save.excludes))) break;
      count += 1;
      if (save.excludes) break;
    }
    const batch = this.#ready.slice(0, count);
    this.#ready = this.#ready.slice(count);
    return batch;
  }

  /** One call for these saves; undecided ones return to the queue. */
  async #attempt(taken: readonly Waiting[], waitMs: number | null): Promise<void> {
    const now = performance.now();
    const batch = taken.filter((waiting) => waiting.deadline > now || this.#expire(waiting));
    const [first] = batch;
    if (!first) return;
    try {
      const saves = batch.map(({ save }) => save);
      const verdicts = await this.#beating(() => first.inContext(() => this.#call(saves, waitMs)));
      for (const [index, waiting] of batch.entries()) this.#decide(waiting, verdicts[index] as Verdict);
    } catch (error) {
      await this.#failed(batch, waitMs, error);
    }
  }

  async #call(saves: readonly Save[], waitMs: number | null): Promise<Verdict[]> {
    const { client, giveBack } = await checkOut(this.pool).catch((cause: unknown) => {
      throw new NotSent('no connection to the database', { cause });
    });
    let failure: unknown;
    try {
      batchSize.observe(saves.length);
      const query = { ...appendCall(saves, waitMs), query_timeout: this.times.answerTimeoutMs };
      return toVerdicts(saves, (await client.query(query)).rows);
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      giveBack(failure);
    }
  }

  async #failed(batch: readonly Waiting[], waitMs: number | null, error: unknown): Promise<void> {
    // An error that is not the database's leaves the outcome of the call open.
    const fault = error instanceof NotSent ? 'unavailable' : (databaseFault(error) ?? 'lost');
    if (fault === 'lost' || fault === 'unavailable') this.#sendAnew(batch, fault, error);
    // One save is at fault and must not fail the others.
    else if (batch.length > 1 && fault !== 'locked' && fault !== 'closed')
      for (const waiting of batch) await this.#attempt([waiting], waitMs);
    else for (const waiting of batch) this.#failedAlone(waiting, fault, waitMs, error);
  }

  #failedAlone(waiting: Waiting, fault: DatabaseFault, waitedMs: number | null, cause: unknown): void {
    // The lost call may itself be the holder, or was stored before the store closed. After a race the id is stored or
    // free.
    if (waiting.lost || fault === 'raced' || (fault === 'locked' && waitedMs === null)) return this.#again(waiting);
    const error = refusalAlone(fault, waitedMs, cause);
    this.#settle(waiting, error instanceof InvalidSave ? 'failed' : 'busy', undefined, error);
  }

  #sendAnew(batch: readonly Waiting[], fault: 'lost' | 'unavailable', error: unknown): void {
    log.warn({ err: error, saves: batch.length }, `the database is ${fault}: sending again`);
    const patience = performance.now() + unavailableMs;
    for (const waiting of batch) {
      waiting.lost ||= fault === 'lost';
      const isFirst = waiting.fault === undefined;
      waiting.fault = error;
      if (isFirst && !waiting.lost && !(error instanceof NotSent)) waiting.deadline = Math.min(waiting.deadline, patience);
      setTimeout(() => this.#send(waiting), reconnectMs * (1 + Math.random()));
    }
  }

  #decide(waiting: Waiting, verdict: Verdict): void {
    if (verdict.outcome !== 'busy') this.#settle(waiting, verdict.outcome, verdict);
    else if (waiting.refuses && verdict.heads.length > 0 && !waiting.lost) this.#refuse(waiting, verdict.heads);
    else this.#again(waiting);
  }

  #refuse(waiting: Waiting, aggregates: readonly string[]): void {
    this.#settle(waiting, 'busy', undefined, new Busy('another save holds the aggregate', { aggregates }));
  }

  #again(waiting: Waiting): void {
    waiting.attempts += 1;
    const pause = Math.random() * 2 ** Math.min(waiting.attempts, quickAttempts);
    if (waiting.attempts < quickAttempts) {
      setTimeout(() => this.#send(waiting), pause);
    } else {
      // Cases that waiting for locks can't help (an asserted aggregate is changing) end up here repeatedly.
      setTimeout(() => this.#sendPatiently(waiting), waiting.attempts === quickAttempts ? 0 : pause);
    }
  }

  #sendPatiently(waiting: Waiting): void {
    this.#patient.push(waiting);
    this.#schedule();
  }

  #expire(waiting: Waiting): false {
    const { lost, fault: cause } = waiting;
    if (lost) {
      this.#remember(waiting.save);
      const error = new OutcomeUnknown('the connection broke and the database did not answer in time', undefined, { cause });
      this.#settle(waiting, 'unknown', undefined, error);
    } else {
      const late = new Busy('the event store did not reach this save in time');
      this.#settle(waiting, 'busy', undefined, cause === undefined ? late : new DatabaseUnavailable({ cause }));
    }
    return false;
  }

  #remember(save: Save): void {
    for (const id of leadIds(save)) this.#undecided.add(id);
    const tooMany = Math.max(0, this.#undecided.size - undecidedLimit);
    for (const id of [...this.#undecided].slice(0, tooMany)) this.#undecided.delete(id);
  }

  #settle(waiting: Waiting, outcome: Outcome, verdict?: Verdict, error?: Error): void {
    savesTotal.inc({ outcome });
    saveSeconds.observe((performance.now() - waiting.since) / 1000);
    this.#saves -= 1;
    this.#bytes -= waiting.save.bytes;
    queuedSaves.set(this.#saves);
    if (waiting.entered) this.#letNextIn(waiting.save);
    if (verdict && waiting.lost) for (const id of leadIds(waiting.save)) this.#undecided.delete(id);
    if (verdict) waiting.resolve(verdict);
    else waiting.reject(error);
    if (this.#saves === 0) this.#closed?.();
  }

  #letNextIn(save: Save): void {
    const freed = writtenIn(save).map(({ id }) => {
      const behind = this.#behind.get(id) ?? [];
      this.#behind.delete(id);
      return { id, behind };
    });
    for (const { id, behind } of freed) {
      for (let next = behind.shift(); next; next = this.#behind.has(id) ? undefined : behind.shift()) this.#enter(next);
      const holders = this.#behind.get(id);
      if (behind.length > 0) this.#behind.set(id, [...behind, ...(holders ?? [])]);
    }
  }
}

/** The parts that change their aggregate. */
const writtenIn = ({ parts }: Save): Save['parts'] => parts.filter(({ events }) => events.length > 0);

function refusalAlone(fault: DatabaseFault, waitedMs: number | null, cause: unknown): Error {
  if (fault === 'closed') return new StoreClosed({ cause });
  if (fault === 'locked') return new Busy('another save holds the aggregate', { waitedMs }, { cause });
  return new InvalidSave(`the database refused: ${(cause as Error).message}`, { cause });
}

/** There was no connection: nothing of the call reached the database. */
class NotSent extends Error {}
