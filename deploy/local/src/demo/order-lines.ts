import { say } from '../runner/console.ts';
import type { FeedWatch, Pushed } from './feed-watch.ts';

const patienceMs = 30_000;

const text = (value: unknown): string => String(value);
const money = (value: unknown): string => Number(value).toFixed(2);

/** The demo's line for each change of an account; other changes print nothing. */
const lines: Readonly<Record<string, (data: Pushed['data']) => string | undefined>> = {
  orderPlaced: () => 'placed: durable from now on',
  orderApproved: () => 'approved by the risk rules',
  orderDenied: ({ rule, detail, figures }) => `denied (${text(rule)}): ${text(detail)} ${JSON.stringify(figures)}`,
  reserved: ({ amount, side }) => (side === 'buy' ? `${money(amount)} reserved` : `${text(amount)} shares reserved`),
  reservationChanged: ({ amount }) => `${money(amount)} reserved from now on`,
  orderAccepted: () => 'the brokerage has it',
  orderRejected: ({ reason }) => `the brokerage refused it: ${text(reason)}`,
  orderOutcomeUnknown: ({ reason }) => `unknown whether the brokerage has it: ${text(reason)}`,
  execution: ({ quantity, price }) => `the market traded ${text(quantity)} at ${text(price)}`,
  settled: ({ quantity, fee }) => `${text(quantity)} shares booked against money, fee ${money(fee)}`,
  executionBusted: () => 'the brokerage took the trade back',
  reversed: ({ quantity, fee }) => `the booking of ${text(quantity)} shares reversed, fee ${money(fee)} returned`,
  orderCancelRequested: () => 'cancel requested',
  orderCanceled: () => 'cancelled: the brokerage says so',
  orderReplaceRequested: ({ limitPrice }) => `other terms requested: limit ${text(limitPrice)}`,
  orderReplaced: ({ revision }) => `replaced: the brokerage works revision ${text(revision)}`,
  orderExpired: ({ reason }) => `expired: ${text(reason)}`,
  released: ({ amount }) => (amount === '0' ? undefined : `${money(amount)} free again`),
};

/** Prints an order's changes as the stream pushes them. */
export class OrderLines {
  readonly #began = performance.now();
  readonly #waiting: { readonly isSo: () => boolean; readonly resolve: () => void }[] = [];
  readonly #seen: Pushed[] = [];
  readonly #early: Pushed[] = [];
  readonly #stop: () => void;
  #orderId: string | undefined;

  constructor(feed: FeedWatch) {
    this.#stop = feed.listen((pushed) => this.#take(pushed));
  }

  /** Sets the order; its earlier changes are printed now. */
  belongsTo(orderId: string): void {
    this.#orderId = orderId;
    for (const pushed of this.#early.splice(0)) this.#take(pushed);
  }

  count = (change: string): number => this.#seen.filter((pushed) => pushed.change === change).length;

  /** Whether the order has ended with all its executions booked. */
  isOver = (): boolean => {
    const ended = this.#seen.some(
      ({ change, data }) =>
        ['orderDenied', 'orderRejected', 'orderCanceled', 'orderExpired'].includes(change) ||
        (change === 'orderExecuted' && data['leavesQuantity'] === '0'),
    );
    return ended && this.count('settled') >= this.count('execution') && this.count('settled') >= this.count('orderExecuted');
  };

  /** Resolves when the condition holds. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    if (isSo()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ isSo, resolve });
    const late = setTimeout(
      () => reject(new Error(`Waited ${patienceMs / 1000} s for ${what} of ${this.#orderId}.`)),
      patienceMs,
    );
    await promise.finally(() => clearTimeout(late));
  }

  end(): void {
    this.#stop();
  }

  #take(pushed: Pushed): void {
    if (this.#orderId === undefined) return void this.#early.push(pushed);
    if (pushed.orderId !== this.#orderId) return;
    this.#seen.push(pushed);
    const line = lines[pushed.change]?.(pushed.data);
    if (line !== undefined) say(`${(pushed.at - this.#began).toFixed(0).padStart(9)} ms  ${line}`);
    for (const { isSo, resolve } of this.#waiting) if (isSo()) resolve();
  }
}
