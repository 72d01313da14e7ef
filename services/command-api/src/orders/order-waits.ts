import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { EventStore, StoreClosed } from '@tradecore/event-sourcing';
import type { RecordedEvent } from '@tradecore/events';
import { orderFrom, type OrderShown } from '@tradecore/read-models';
import { gauge, histogram } from '@tradecore/telemetry';
import { isTerminal } from '@tradecore/trading';
import { setTimeout as sleep } from 'node:timers/promises';
import { tokens } from '@tradecore/service';
import type { Limits } from '../limits.ts';
import { historyOf } from './order-history.ts';

/**
 * The most answers that wait at the same time; others are sent at once. With the pauses, about 400 small reads per
 * second.
 */
const waitersLimit = 100;
/** Milliseconds between reads of an order: 20, then longer each time. */
const pauses = { first: 20, factor: 1.3, last: 250 };

const waiting = gauge({ name: 'tradecore_order_waits', help: 'Answers that are waiting for their order.' });
const waits = histogram({
  name: 'tradecore_order_wait_seconds',
  help: 'Seconds that answers waited, by how the wait ended.',
  labels: { end: ['terminal', 'time', 'stopped'] },
});

/** Delays an answer until its order is terminal: `Prefer: wait=5`. */
@Injectable()
export class OrderWaits implements BeforeApplicationShutdown {
  readonly #stop = new AbortController();
  #waiters = 0;
  readonly #waitersOf = new Map<string, number>();

  constructor(
    @Inject(EventStore) private readonly eventStore: EventStore,
    @Inject(tokens.config) private readonly limits: Pick<Limits, 'LIMIT_WAITS'>,
  ) {}

  /** Sends every waiting answer with the current state of its order. */
  beforeApplicationShutdown(): void {
    this.#stop.abort();
  }

  /**
   * The order's history once it is terminal, or after `seconds`; undefined if too many answers already wait, in total
   * or of this subject. Reads the store, so the history is never behind.
   */
  async until(
    history: readonly RecordedEvent[],
    seconds: number,
    subject: string,
  ): Promise<readonly RecordedEvent[] | undefined> {
    const own = this.#waitersOf.get(subject) ?? 0;
    if (this.#waiters >= waitersLimit || own >= this.limits.LIMIT_WAITS || this.#stop.signal.aborted) return undefined;
    const started = performance.now();
    this.#enter(subject, 1);
    try {
      const { known, end } = await this.#follow(history, started + seconds * 1000);
      waits.observe({ end }, (performance.now() - started) / 1000);
      return known;
    } finally {
      this.#enter(subject, -1);
    }
  }

  /** The order folded from its history, with its texts. */
  async shown(history: readonly RecordedEvent[]): Promise<OrderShown> {
    const order = orderFrom(history);
    if (!order) throw new Error('a use case returned no events');
    return this.eventStore.withTexts(order);
  }

  #enter(subject: string, more: 1 | -1): void {
    waiting.set((this.#waiters += more));
    const own = (this.#waitersOf.get(subject) ?? 0) + more;
    if (own === 0) this.#waitersOf.delete(subject);
    else this.#waitersOf.set(subject, own);
  }

  async #follow(history: readonly RecordedEvent[], deadline: number) {
    const orderId = history[0]?.aggregateId ?? '';
    const known = [...history];
    for (let pause = pauses.first; ; pause = Math.min(pause * pauses.factor, pauses.last)) {
      const order = orderFrom(known);
      if (order && isTerminal(order.status)) return { known, end: 'terminal' } as const;
      const left = deadline - performance.now();
      if (left <= 0) return { known, end: 'time' } as const;
      if (this.#stop.signal.aborted) return { known, end: 'stopped' } as const;
      await sleep(Math.min(pause, left), undefined, { signal: this.#stop.signal }).catch(() => undefined);
      const later = await historyOf(this.eventStore, orderId, { from: known.length + 1 }).catch(stillStored);
      if (!later) return { known, end: 'stopped' } as const;
      known.push(...later);
    }
  }
}

/** What is waited for was stored before the store closed. */
function stillStored(error: unknown): undefined {
  if (!(error instanceof StoreClosed)) throw error;
}
