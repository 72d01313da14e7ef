import { setTimeout as sleep } from 'node:timers/promises';
import type { Outbox } from '@tradecore/event-sourcing';

/** A look costs 0.3 ms of a core: often while work is likely, seldom otherwise. */
const pollMs = 3;
const pollForMs = 20;
/** Waits between batches that are longer than this on average: batches are rare, and their writers notify. A NOTIFY in each of many commits costs more than looking. */
const rareMs = 20;
const frequentMs = 8;
/** Looks of a relay that listens, should a notification be lost. */
const backstopMs = 100;
/** Writers notify until this time, and no longer if the relay dies in its sleep. */
const listenSeconds = 30;

/**
 * How the relay waits for work. While batches are frequent it looks every 3 ms, and 20 ms after the last one asks writers to notify it. While they
 * are rare it goes on listening from batch to batch, so that a batch costs one transaction and no looks. Correctness never depends on a notification.
 */
export class WakeUp {
  #meanWaitMs = 0;
  #waitedMs = 0;
  #listensUntil = 0;
  #wake: AbortController | undefined;
  #notified = false;

  /** There was work. */
  busy(): void {
    this.#meanWaitMs = 0.8 * this.#meanWaitMs + 0.2 * Math.min(this.#waitedMs, 1000);
    this.#waitedMs = 0;
  }

  /** There may be work: ends the wait, also the next one when none is under way. */
  notify(): void {
    this.#notified = true;
    this.#wake?.abort();
  }

  /** Waits as long as is right after finding nothing. */
  async idle(outbox: Pick<Outbox, 'listenFor'>): Promise<void> {
    const now = performance.now();
    const isListening = now < this.#listensUntil;
    if (isListening && this.#meanWaitMs < frequentMs && this.#waitedMs < pollForMs) {
      await outbox.listenFor(0);
      this.#listensUntil = 0;
      return;
    }
    if (isListening) return this.#wait(backstopMs);
    if (this.#meanWaitMs < rareMs && this.#waitedMs < pollForMs) return this.#wait(pollMs);
    await outbox.listenFor(listenSeconds);
    this.#listensUntil = now + (listenSeconds * 1000) / 2;
    // Look once more: what came before writers knew has notified nobody.
  }

  async #wait(ms: number): Promise<void> {
    if (!this.#notified) {
      const began = performance.now();
      this.#wake = new AbortController();
      await sleep(ms, undefined, { signal: this.#wake.signal }).catch(() => undefined);
      this.#wake = undefined;
      this.#waitedMs += performance.now() - began;
    }
    this.#notified = false;
  }
}
