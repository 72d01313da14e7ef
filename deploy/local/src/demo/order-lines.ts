import { say } from '../runner/console.ts';
import type { FeedWatch, Pushed } from './feed-watch.ts';

const patienceMs = 30_000;
const text = (value: unknown): string => String(value);
const money = (value: unknown): string => Number(value).toFixed(2);

/** What each change of an account says in the demo; a change that is not here says nothing new to who watches. */
const lines: Readonly<Record<string, (data: Pushed['data']) => string | undefined>> = {
  orderPlaced: () => 'placed: durable from now on',
  orderDenied: ({ rule, detail, figures }) => `denied (${text(rule)}): ${text(detail)} ${JSON.stringify(figures)}`,
  reserved: ({ amount, side }) => (side === 'buy' ? `${money(amount)} reserved` : `${text(amount)} shares reserved`),
  reservationChanged: ({ amount }) => `${money(amount)} reserved from now on`,
  orderAccepted: () => 'the broker has it',
  orderRejected: ({ reason }) => `the broker refused it: ${text(reason)}`,
  orderOutcomeUnknown: ({ reason }) => `nobody knows whether the broker has it: ${text(reason)}`,
  execution: ({ quantity, price }) => `the market traded ${text(quantity)} at ${text(price)}`,
  settled: ({ quantity, fee }) => `${text(quantity)} shares booked against money, fee ${money(fee)}`,
  orderCancelRequested: () => 'cancel asked for',
  orderCanceled: () => 'cancelled: the broker says so',
  orderReplaceRequested: ({ limitPrice }) => `other terms asked for: limit ${text(limitPrice)}`,
  orderReplaced: ({ revision }) => `replaced: the broker works revision ${text(revision)}`,
  orderExpired: ({ reason }) => `expired: ${text(reason)}`,
  released: ({ amount }) => (amount === '0' ? undefined : `${money(amount)} free again`),
};

/** What is pushed of one order, said as it comes. */
export class OrderLines {
  readonly #began = performance.now();
  readonly #waiting: { readonly isSo: () => boolean; readonly resolve: () => void }[] = [];
  readonly #seen: Pushed[] = [];
  readonly #early: Pushed[] = [];
  readonly #stop: () => void;
  #orderId: string | undefined;

  constructor(feed: FeedWatch) {
    this.#stop = feed.listen((pushed) => this.#hear(pushed));
  }

  /** From now on it is this order's; what came before is said now. */
  belongsTo(orderId: string): void {
    this.#orderId = orderId;
    for (const pushed of this.#early.splice(0)) this.#hear(pushed);
  }

  count = (change: string): number => this.#seen.filter((pushed) => pushed.change === change).length;

  /** Whether the order has ended, and each of its executions is booked. */
  isOver = (): boolean => {
    const ended = this.#seen.some(
      ({ change, data }) =>
        ['orderDenied', 'orderRejected', 'orderCanceled', 'orderExpired'].includes(change) ||
        (change === 'orderExecuted' && data['leavesQuantity'] === '0'),
    );
    return ended && this.count('settled') >= this.count('execution') && this.count('settled') >= this.count('orderExecuted');
  };

  /** Resolves when it is so. */
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

  #hear(pushed: Pushed): void {
    if (this.#orderId === undefined) return void this.#early.push(pushed);
    if (pushed.orderId !== this.#orderId) return;
    this.#seen.push(pushed);
    const line = lines[pushed.change]?.(pushed.data);
    if (line !== undefined) say(`${(pushed.at - this.#began).toFixed(0).padStart(9)} ms  ${line}`);
    for (const { isSo, resolve } of this.#waiting) if (isSo()) resolve();
  }
}
