import { createHash } from 'node:crypto';
import { gauge, histogram } from '@tradecore/telemetry';
import type { Exchange, Update } from './exchange/index.ts';
import type { StateFile } from './state-file.ts';

/** Prices that walk are stored this often; after a crash they go on from there. */
const pricesEveryMs = 5000;

const openOrders = gauge({ name: 'paper_open_orders', help: 'Orders that may still trade.' });
const commits = histogram({ name: 'paper_commit_seconds', help: 'From the first change of a batch to its commit.' });

/** Whoever hears what the exchange tells. */
export type Listener = (updates: readonly Update[]) => void;

/** What a desk is made of. */
export interface DeskOptions {
  readonly exchange: Exchange;
  readonly state: StateFile | undefined;
  readonly tickMs: number;
}

/**
 * The one place where the exchange meets the clock and the disk. What a request changed is stored before it is answered, and answered before the
 * exchange works on it; what that changed is stored before anybody hears of it.
 */
export class Desk {
  readonly exchange: Exchange;
  readonly #listeners: Listener[] = [];
  #waiting: (() => void)[] = [];
  #isScheduled = false;
  #ticking: NodeJS.Timeout | undefined;
  #pricesAt = 0;
  #last = 0;

  constructor(private readonly options: DeskOptions) {
    this.exchange = options.exchange;
  }

  /** Starts the market. `onTick` is called after each step. */
  start(onTick: () => void): void {
    const tick = (): void => {
      this.exchange.tick(this.#now());
      this.#storeAndTell();
      openOrders.set(this.exchange.openCount);
      onTick();
    };
    tick();
    this.#ticking = setInterval(tick, this.options.tickMs);
  }

  /** Stops the market, and stores all that there is. */
  stop(): void {
    clearInterval(this.#ticking);
    this.#pricesAt = 0;
    this.#storeAndTell();
    this.options.state?.close();
  }

  /** Calls the listener with all that is told from now on. */
  listen(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** Does a request, and stores what it changed. Throws the exchange's `Refusal`. */
  async ask<T>(request: (exchange: Exchange, now: number) => T): Promise<T> {
    const answer = request(this.exchange, this.#now());
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
    return answer;
  }

  /** The same, but the exchange has worked on it, and told so, before the answer. */
  async askEarly<T>(request: (exchange: Exchange, now: number) => T): Promise<T> {
    const answer = request(this.exchange, this.#now());
    this.exchange.work(this.#now());
    this.#storeAndTell();
    return answer;
  }

  /** Somebody has set a price: the next commit holds all prices, whatever the time. */
  pricesSet(): void {
    this.#pricesAt = 0;
  }

  /** One number for all books: the same before a crash and after the restart. */
  hash(): string {
    return createHash('sha256').update(JSON.stringify(this.exchange.books())).digest('hex');
  }

  /** The clock, which here never goes back: what came later is later. */
  #now(): number {
    this.#last = Math.max(this.#last, Date.now());
    return this.#last;
  }

  /** Requests of one turn of the event loop share a commit. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const began = performance.now();
    setImmediate(() => {
      this.#isScheduled = false;
      const answered = this.#waiting;
      this.#waiting = [];
      this.#store();
      commits.observe({}, (performance.now() - began) / 1000);
      for (const answer of answered) answer();
      setImmediate(() => {
        this.exchange.work(this.#now());
        this.#storeAndTell();
      });
    });
  }

  #storeAndTell(): void {
    this.#store();
    const updates = this.exchange.takeUpdates();
    if (updates.length > 0) for (const listener of this.#listeners) listener(updates);
  }

  #store(): void {
    const { state } = this.options;
    if (!state) return;
    const withPrices = this.#now() >= this.#pricesAt + pricesEveryMs;
    const changes = this.exchange.takeChanges(withPrices);
    if (changes.length > 0) state.commit(changes);
    if (withPrices) this.#pricesAt = this.#now();
  }
}
