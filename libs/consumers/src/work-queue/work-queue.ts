import { randomUUID } from 'node:crypto';
import { ConcurrencyException, type Transaction } from '@tradecore/event-sourcing';
import { counter, gauge, histogram, logger } from '@tradecore/telemetry';
import type { DataSource } from 'typeorm';
import { inTransaction, outsideTransaction } from '../offsets/transaction.ts';
import { schemaOf } from '../offsets/schema.ts';
import { backoffMs } from './backoff.ts';
import { ClaimLost, WorkRows, type WorkState, type Verdict, type WorkItem } from './work-rows.ts';

/**
 * Attends to one row, outside of any transaction: here the outside world is called. What it returns runs in the transaction that settles the
 * row: there the answer is appended, after a fresh load, and on a conflict it runs again. What either throws gives the row back.
 */
export type WorkHandler = (item: WorkItem) => Promise<(tx: Transaction) => Promise<Verdict>>;

/** What a work queue is made of. */
export interface WorkQueueOptions {
  readonly dataSource: DataSource;
  /** Name of the service: of the metrics, and with `_` for `-` of the schema. */
  readonly service: string;
  readonly handle: WorkHandler;
  /** Rows attended to at a time; 16 when absent. */
  readonly workers?: number;
  /** A claim that is not renewed for so long is free for others; 5,000 ms when absent. Renewed three times within it. */
  readonly leaseMs?: number;
  /** How long a row rests whose attendance failed; doubles with each failure. 250 to 30,000 ms when absent. */
  readonly backoff?: { readonly baseMs: number; readonly capMs: number };
  /** Other processes put rows too: somebody looks this often; 1,000 ms when absent. */
  readonly lookMs?: number;
}

const log = logger('work-queue');
const conflictsLimit = 5;

const outcomes = ['done', 'again', 'failed', 'lost'] as const;

/** Bounded workers over rows of a table: each row is in one hand at a time, nothing that was put is forgotten, whatever dies. */
export class WorkQueue {
  private readonly rows: WorkRows;
  /** For statements of their own. */
  private readonly alone: Transaction;
  private readonly claim = randomUUID();
  private readonly inHand = new Map<string, Promise<void>>();
  private readonly settings: Required<Omit<WorkQueueOptions, 'dataSource' | 'service' | 'handle'>>;
  private readonly figures: ReturnType<typeof figuresOf>;
  private loop: Promise<void> | undefined;
  private renewing: NodeJS.Timeout | undefined;
  private stopping = false;
  private notified = false;
  private endWait: () => void = () => undefined;

  constructor(private readonly options: WorkQueueOptions) {
    const { workers = 16, leaseMs = 5_000, backoff = { baseMs: 250, capMs: 30_000 }, lookMs = 1_000 } = options;
    this.settings = { workers, leaseMs, backoff, lookMs };
    this.rows = new WorkRows(schemaOf(options.service));
    this.alone = outsideTransaction(options.dataSource);
    this.figures = figuresOf(options.service, () => this.rows.count(this.alone));
  }

  /** Asks for rows in the caller's transaction. After its commit call `notify`, or they wait for the next look. */
  put(tx: Transaction, rows: readonly { readonly key: string; readonly state?: WorkState }[]): Promise<void> {
    return this.rows.put(tx, rows);
  }

  /** Makes rows that are there due now; keys without a row are ignored. */
  async request(keys: readonly string[]): Promise<void> {
    await this.rows.request(this.alone, keys);
    this.notify();
  }

  /** Makes every row due that waits for its time: what they wait for has come. */
  async makeAllDue(): Promise<void> {
    await this.rows.makeAllDue(this.alone);
    this.notify();
  }

  /** Removes rows that nobody has in hand: there is nothing more to handle to. */
  async drop(keys: readonly string[]): Promise<void> {
    await this.rows.drop(this.alone, keys);
  }

  /** Keys of the rows that wait to be asked for. */
  waitingForRequest(): Promise<string[]> {
    return this.rows.waitingForRequest(this.alone);
  }

  /** There may be work: ends the wait. */
  notify(): void {
    this.notified = true;
    this.endWait();
  }

  /** Begins to handle. */
  start(): void {
    this.stopping = false;
    this.loop ??= this.run();
    const renewals = this.settings.leaseMs / 3;
    this.renewing ??= setInterval(() => void this.renew(), renewals);
  }

  /** Claims nothing more and waits for what is in hand. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.notify();
    await this.loop;
    await Promise.all(this.inHand.values());
    clearInterval(this.renewing);
    this.renewing = undefined;
    this.loop = undefined;
  }

  /** Resolves when this process has settled the row; undefined when it has not got it in hand. */
  inProgress(key: string): Promise<void> | undefined {
    return this.inHand.get(key);
  }

  /** Rows in hand in this process. */
  get busy(): number {
    return this.inHand.size;
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      this.notified = false;
      try {
        const free = this.settings.workers - this.inHand.size;
        const items = free > 0 ? await this.take(free) : [];
        if (items.length === 0) await this.rest(free > 0);
      } catch (error) {
        log.warn({ err: error, queue: this.options.service }, 'the work queue could not be read');
        await this.wait(this.settings.lookMs);
      }
    }
  }

  private async take(free: number): Promise<WorkItem[]> {
    const items = await this.rows.claim(this.alone, this.claim, free, this.settings.leaseMs);
    for (const { lateMs, ...item } of items) {
      this.figures.late(lateMs / 1000);
      // A claim of ours that ended while we were at it: the first hand goes on, and will learn that it has lost it.
      if (this.inHand.has(item.key)) continue;
      const attended = this.process(item).finally(() => {
        this.inHand.delete(item.key);
        this.notify();
      });
      this.inHand.set(item.key, attended);
    }
    return items;
  }

  private async rest(mayTake: boolean): Promise<void> {
    if (!mayTake) return this.wait(this.settings.lookMs);
    const next = (await this.rows.nextDueMs(this.alone)) ?? this.settings.lookMs;
    await this.wait(Math.min(this.settings.lookMs, Math.max(next, 1)));
  }

  private async wait(ms: number): Promise<void> {
    if (this.notified) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.endWait = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.endWait = () => undefined;
  }

  private async process(item: WorkItem): Promise<void> {
    const ended = this.figures.begin();
    try {
      const settle = await this.options.handle(item);
      ended(await this.settle(item, settle));
    } catch (error) {
      ended(error instanceof ClaimLost ? 'lost' : 'failed');
      log.warn({ err: error, queue: this.options.service, key: item.key, attempts: item.attempts }, 'not attended to');
      await this.giveBack(item);
    }
  }

  private async settle(item: WorkItem, decide: (tx: Transaction) => Promise<Verdict>): Promise<'done' | 'again'> {
    for (let conflicts = 0; ; conflicts += 1) {
      try {
        return await inTransaction(this.options.dataSource, async (tx) => {
          const verdict = await decide(tx);
          await this.rows.settle(tx, this.claim, item, verdict);
          return 'done' in verdict ? 'done' : 'again';
        });
      } catch (error) {
        if (!(error instanceof ConcurrencyException) || conflicts >= conflictsLimit) throw error;
      }
    }
  }

  private async giveBack({ key, attempts }: WorkItem): Promise<void> {
    const rest = backoffMs(attempts, this.settings.backoff);
    try {
      await this.rows.giveBack(this.alone, this.claim, key, rest);
    } catch (error) {
      log.warn({ err: error, key }, 'a row could not be given back: it is free when its claim ends');
    }
  }

  private async renew(): Promise<void> {
    if (this.inHand.size === 0) return;
    try {
      await this.rows.renew(this.alone, this.claim, [...this.inHand.keys()], this.settings.leaseMs);
    } catch (error) {
      log.warn({ err: error, queue: this.options.service }, 'claims could not be renewed');
    }
  }
}

function figuresOf(service: string, count: () => Promise<{ all: number; due: number; claimed: number }>) {
  const labels = { queue: [service] } as const;
  const attended = counter({
    name: 'work_attended_total',
    help: 'Rows of a work queue attended to, by how it ended.',
    labels: { queue: [service], outcome: outcomes },
  });
  const seconds = histogram({ name: 'work_seconds', help: 'Time that attending to a row took.', labels });
  const late = histogram({ name: 'work_late_seconds', help: 'Time from a row being due to its claim.', labels });
  gauge({
    name: 'work_rows',
    help: 'Rows of a work queue: all, due and free, claimed.',
    labels: { queue: [service], state: ['all', 'due', 'claimed'] },
    collect: async (rows) => {
      // While the database is away the last figures stand.
      const counts = await count().catch(() => undefined);
      for (const [state, value] of Object.entries(counts ?? {})) rows.set({ queue: service, state: state as 'all' }, value);
    },
  });
  return {
    late: (value: number) => late.observe({ queue: service }, value),
    begin: () => {
      const stop = seconds.startTimer({ queue: service });
      return (outcome: (typeof outcomes)[number]) => {
        stop();
        attended.inc({ queue: service, outcome });
      };
    },
  };
}
