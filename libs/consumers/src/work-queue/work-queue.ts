import { retryOnConflict, type Transaction } from '@tradecore/event-sourcing';
import { counter, gauge, heartbeat, histogram, keepRefreshed, logger, type Attempt } from '@tradecore/telemetry';
import type { DataSource } from 'typeorm';
import { inTransaction, outsideTransaction } from '../offsets/transaction.ts';
import { schemaOf } from '../offsets/schema.ts';
import { backoffMs } from './backoff.ts';
import { ClaimLost, WorkRows, type NewWork, type PutWork, type Verdict, type WorkItem } from './work-rows.ts';

/**
 * Handles one row, outside any transaction: this is where the outside world is called. The function it returns runs in
 * the transaction that settles the row: it appends the answer after a fresh load, and runs again on a conflict. If
 * either throws, the row is given back.
 */
export type WorkHandler = (item: WorkItem) => Promise<(tx: Transaction) => Promise<Verdict>>;

/** The options of a work queue. */
export interface WorkQueueOptions {
  readonly dataSource: DataSource;
  /** Name of the service: of the metrics, and with `_` for `-` of the schema. */
  readonly service: string;
  readonly handle: WorkHandler;
  /** Rows handled concurrently; 16 when absent. */
  readonly workers?: number;
  /** A claim not renewed for this long is free for others; 5,000 ms when absent. Renewed three times within it. */
  readonly leaseMs?: number;
  /** How long a row waits after a failed call; doubles with each failure. 250 to 30,000 ms when absent. */
  readonly backoff?: { readonly baseMs: number; readonly capMs: number };
  /**
   * How many more rows may start now, besides the `workers` limit: what they wait for may be scarce. Call `notify` when
   * it changes.
   */
  readonly room?: () => number;
  /** How often the table is read for rows put by other processes; 1,000 ms when absent. */
  readonly lookMs?: number;
  /** How often its rows are counted; 5,000 ms when absent. */
  readonly gaugesMs?: number;
}

const log = logger('work-queue');
/** Other writers may be faster than the decision about a row. */
const settleAttempts = 6;

const outcomes = ['done', 'again', 'failed', 'lost'] as const;
const queue = { queue: [] };
const handled = counter({
  name: 'tradecore_work_handled_total',
  help: 'Rows of a work queue handled, by outcome.',
  labels: { ...queue, outcome: outcomes },
  atMost: 4,
});
const seconds = histogram({ name: 'tradecore_work_seconds', help: 'Time to handle a row.', labels: queue, atMost: 1 });
const late = histogram({
  name: 'tradecore_work_late_seconds',
  help: 'Time from the due time of a row to its claim.',
  labels: queue,
  atMost: 1,
});
const rowCount = gauge({
  name: 'tradecore_work_rows',
  help: 'Rows of a work queue: all, due and free, claimed.',
  labels: { ...queue, state: ['all', 'due', 'claimed'] },
  atMost: 3,
});

/**
 * Bounded workers over the rows of a table: one worker has a row at a time, and no row put is forgotten, even if a
 * process dies.
 */
export class WorkQueue {
  private readonly rows: WorkRows;
  /** For single statements. */
  private readonly alone: Transaction;
  private readonly inHand = new Map<string, { readonly item: WorkItem; readonly done: Promise<boolean> }>();
  private readonly settings: Required<Omit<WorkQueueOptions, 'dataSource' | 'service' | 'handle' | 'room'>>;
  private readonly attempt: Attempt;
  private readonly of: { readonly queue: string };
  private endRefreshing: (() => Promise<void>) | undefined;
  private loop: Promise<void> | undefined;
  private renewing: NodeJS.Timeout | undefined;
  private isStopping = false;
  private isNotified = false;
  /** The last look took as many rows as it could: more may wait for a worker. */
  private isFull = false;
  private endWait: () => void = () => undefined;

  constructor(private readonly options: WorkQueueOptions) {
    const { workers = 16, leaseMs = 5_000, backoff = { baseMs: 250, capMs: 30_000 }, lookMs = 1_000, gaugesMs = 5_000 } = options;
    this.settings = { workers, leaseMs, backoff, lookMs, gaugesMs };
    this.rows = new WorkRows(schemaOf(options.service));
    this.alone = outsideTransaction(options.dataSource);
    this.attempt = heartbeat(`${options.service}-work`);
    this.of = { queue: options.service };
    for (const outcome of outcomes) handled.inc({ ...this.of, outcome }, 0);
    for (const each of [seconds, late]) each.zero(this.of);
  }

  /** Requests rows in the caller's transaction. Call `notify` after its commit, or they wait for the next look. */
  async put(tx: Transaction, rows: readonly NewWork[]): Promise<void> {
    await this.rows.put(tx, rows);
  }

  /**
   * Like `put`; rows that a free worker of this process can take at once are claimed for it in the same statement. After
   * the commit call `begin` with the result. After a rollback: nothing.
   */
  putClaimed(tx: Transaction, rows: readonly NewWork[]): Promise<PutWork> {
    // Where room is scarce, rows that already wait come first.
    const claims = this.isStopping || !this.loop || this.room < Infinity ? 0 : this.free;
    return this.rows.put(tx, rows, { claims, leaseMs: this.settings.leaseMs });
  }

  /** Handles rows that `putClaimed` claimed, and looks for the others. Those without a free worker are given back. */
  begin({ claimed, isAll }: PutWork): void {
    for (const item of claimed) {
      if (this.isStopping || this.inHand.size >= this.settings.workers) void this.giveBack(item, 0);
      else this.take(item);
    }
    if (!isAll) this.notify();
  }

  /** Makes existing rows due now; keys without a row are ignored. */
  async request(keys: readonly string[]): Promise<void> {
    await this.rows.request(this.alone, keys);
    this.notify();
  }

  /** Makes every row due that waits for its time: what they wait for has arrived. */
  async makeAllDue(): Promise<void> {
    await this.rows.makeAllDue(this.alone);
    this.notify();
  }

  /** Removes rows that no worker has, because nothing is left to do. */
  async drop(keys: readonly string[]): Promise<void> {
    await this.rows.drop(this.alone, keys);
  }

  /** Keys of the rows that wait for a request. */
  waitingForRequest(): Promise<string[]> {
    return this.rows.waitingForRequest(this.alone);
  }

  /** There may be work: ends the wait. */
  notify(): void {
    this.isNotified = true;
    this.endWait();
  }

  /** Starts claiming. */
  start(): void {
    this.isStopping = false;
    this.loop ??= this.run();
    this.renewing ??= setInterval(() => void this.renew(), this.settings.leaseMs / 3);
    this.endRefreshing ??= keepRefreshed(`${this.options.service}-work`, () => this.count(), this.settings.gaugesMs);
  }

  /** Stops claiming and waits for rows in progress. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.notify();
    await this.loop;
    await Promise.all([...this.inHand.values()].map(({ done }) => done));
    clearInterval(this.renewing);
    this.renewing = undefined;
    await this.endRefreshing?.();
    this.endRefreshing = undefined;
    this.loop = undefined;
  }

  /**
   * Resolves when this process is done with the row: whether it is settled and committed. Undefined when the row is not
   * in progress here.
   */
  inProgress(key: string): Promise<boolean> | undefined {
    return this.inHand.get(key)?.done;
  }

  /** Rows in progress in this process. */
  get busy(): number {
    return this.inHand.size;
  }

  private get free(): number {
    return Math.max(0, Math.min(this.settings.workers - this.inHand.size, this.room));
  }

  private get room(): number {
    return this.options.room?.() ?? Infinity;
  }

  private async run(): Promise<void> {
    while (!this.isStopping) {
      this.isNotified = false;
      try {
        await this.wait(await this.attempt(() => this.claim()));
      } catch (error) {
        log.warn({ err: error, queue: this.options.service }, 'the work queue could not be read');
        await this.wait(this.settings.lookMs);
      }
    }
  }

  /** Claims due rows; resolves with the milliseconds until the next look. */
  private async claim(): Promise<number> {
    const { leaseMs, lookMs } = this.settings;
    const { free } = this;
    this.isFull = free <= 0;
    if (this.isFull) return lookMs;
    const { items, nextDueMs = lookMs } = await this.rows.claim(this.alone, {
      limit: free,
      leaseMs,
      inHand: [...this.inHand.keys()],
    });
    for (const { lateMs, ...item } of items) {
      late.observe(this.of, lateMs / 1000);
      this.take(item);
    }
    this.isFull = items.length >= free;
    return this.isFull ? 0 : Math.min(lookMs, Math.max(nextDueMs, 1));
  }

  private take(item: WorkItem): void {
    const done = this.attempt(() => this.process(item)).then(({ isSettled, isDue }) => {
      this.inHand.delete(item.key);
      if (isDue || this.isFull) this.notify(); // otherwise a look, 1 ms of a core, finds nothing
      return isSettled;
    });
    this.inHand.set(item.key, { item, done });
  }

  private async wait(ms: number): Promise<void> {
    if (this.isNotified || ms === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.endWait = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.endWait = () => undefined;
  }

  /** Never rejects. A row given back is due again, too. */
  private async process(item: WorkItem): Promise<{ readonly isSettled: boolean; readonly isDue: boolean }> {
    const observe = seconds.startTimer(this.of);
    const ended = (outcome: (typeof outcomes)[number]): void => {
      observe();
      handled.inc({ ...this.of, outcome });
    };
    try {
      const settle = await this.options.handle(item);
      const { isDone, isDue } = await this.settle(item, settle);
      ended(isDone ? 'done' : 'again');
      return { isSettled: true, isDue };
    } catch (error) {
      ended(error instanceof ClaimLost ? 'lost' : 'failed');
      log.warn({ err: error, queue: this.options.service, key: item.key, attempts: item.attempts }, 'a row could not be handled');
      await this.giveBack(item, backoffMs(item.attempts, this.settings.backoff));
      return { isSettled: false, isDue: true };
    }
  }

  private settle(
    item: WorkItem,
    decide: (tx: Transaction) => Promise<Verdict>,
  ): Promise<{ readonly isDone: boolean; readonly isDue: boolean }> {
    const inOne = () =>
      inTransaction(this.options.dataSource, async (tx) => {
        const verdict = await decide(tx);
        return { isDone: 'done' in verdict, isDue: await this.rows.settle(tx, item, verdict) };
      });
    return retryOnConflict(inOne, settleAttempts);
  }

  private async count(): Promise<void> {
    const counts = Object.entries(await this.rows.count(this.alone));
    for (const [state, rows] of counts) rowCount.set({ ...this.of, state }, rows);
  }

  private async giveBack(item: WorkItem, afterMs: number): Promise<void> {
    try {
      await this.rows.giveBack(this.alone, item, afterMs);
    } catch (error) {
      log.warn({ err: error, key: item.key }, 'a row could not be given back; it is free when its claim expires');
    }
  }

  private async renew(): Promise<void> {
    if (this.inHand.size === 0) return;
    try {
      const items = [...this.inHand.values()].map(({ item }) => item);
      await this.attempt(() => this.rows.renew(this.alone, items, this.settings.leaseMs));
    } catch (error) {
      log.warn({ err: error, queue: this.options.service }, 'claims could not be renewed');
    }
  }
}
