import { createHash } from 'node:crypto';
import { gauge, histogram } from '@tradecore/telemetry';
import type { Exchange, Update } from './exchange/index.ts';
import type { StateFile } from './state-file.ts';

/** Moving prices are stored this often; after a crash they continue from there. */
const pricesEveryMs = 5000;

const openOrders = gauge({ name: 'tradecore_paper_open_orders', help: 'Orders that may still trade.' });
const commits = histogram({
  name: 'tradecore_paper_commit_seconds',
  help: 'Time from the first change of a batch to its commit.',
});

/** Options of a desk. */
export interface DeskOptions {
  readonly exchange: Exchange;
  readonly state: StateFile | undefined;
  readonly tickMs: number;
  /** Receives the exchange's updates. */
  readonly publish: (updates: readonly Update[]) => void;
}

/**
 * Connects the exchange to the clock and the disk. A request's changes are stored before the answer, and the answer is
 * sent before the exchange works on the request; the changes of that work are stored before their updates are sent.
 */
export class Desk {
  readonly exchange: Exchange;
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

  /** Stops the market and stores everything. */
  stop(): void {
    clearInterval(this.#ticking);
    this.#pricesAt = 0;
    this.#storeAndTell();
    this.options.state?.close();
  }

  /** Carries out a request and stores its changes. Throws the exchange's `Refusal`. */
  async ask<T>(request: (exchange: Exchange, now: number) => T): Promise<T> {
    const answer = request(this.exchange, this.#now());
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
    return answer;
  }

  /** The same, but the exchange works on the request and sends the updates before the answer. */
  async askEarly<T>(request: (exchange: Exchange, now: number) => T): Promise<T> {
    const answer = request(this.exchange, this.#now());
    this.exchange.work(this.#now());
    this.#storeAndTell();
    return answer;
  }

  /** A price was set: the next commit includes all prices, whatever the time. */
  pricesSet(): void {
    this.#pricesAt = 0;
  }

  /** A hash of all books: the same before a crash and after the restart. */
  hash(): string {
    return createHash('sha256').update(JSON.stringify(this.exchange.books())).digest('hex');
  }

  /** The time; never goes back. */
  #now(): number {
    this.#last = Math.max(this.#last, Date.now());
    return this.#last;
  }

  /** Requests in one turn of the event loop share a commit. */
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
    if (updates.length > 0) this.options.publish(updates);
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
