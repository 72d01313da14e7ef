import { setTimeout as sleep } from 'node:timers/promises';
import type { Outbox } from '@tradecore/event-sourcing';

/** A poll costs 0.3 ms of a core: poll often while work is likely, seldom otherwise. */
const pollMs = 3;
const pollForMs = 20;
/**
 * Above this average wait, batches are rare and writers notify. With many commits a NOTIFY in each costs more than
 * polling.
 */
const rareMs = 20;
const frequentMs = 8;
/** A longer wait counts as this; the mean begins with it. */
const longestMs = 1000;
/** How often a listening relay polls, in case a notification is lost. */
const backstopMs = 100;
/** How long writers notify at most, in case the relay dies while sleeping. */
const listenSeconds = 30;

/**
 * How the relay waits for work. While batches are frequent it polls every 3 ms, and 20 ms after the last one asks
 * writers to notify it. While they are rare it keeps listening from batch to batch, so that a batch costs one
 * transaction and no polls. Correctness never depends on a notification.
 */
export class WakeUp {
  #meanWaitMs = longestMs;
  #waitedMs = 0;
  #listensUntil = 0;
  #wake: AbortController | undefined;
  #notified = false;

  /** Whether writers notify: then nothing is stored unheard, or it waits for the next poll. */
  get isListening(): boolean {
    return performance.now() < this.#listensUntil;
  }

  /** Work was found. */
  busy(): void {
    this.#meanWaitMs = 0.8 * this.#meanWaitMs + 0.2 * Math.min(this.#waitedMs, longestMs);
    this.#waitedMs = 0;
  }

  /** There may be work: ends the current wait, or the next one. */
  notify(): void {
    this.#notified = true;
    this.#wake?.abort();
  }

  /** Waits, after a poll that found nothing or, when it listens, after a batch. */
  async idle(outbox: Pick<Outbox, 'listenFor'>): Promise<void> {
    const { isListening } = this;
    if (isListening && this.#meanWaitMs < frequentMs && this.#waitedMs < pollForMs) {
      await outbox.listenFor(0);
      this.#listensUntil = 0;
      return;
    }
    if (isListening) return this.#wait(backstopMs);
    if (this.#meanWaitMs < rareMs && this.#waitedMs < pollForMs) return this.#wait(pollMs);
    await outbox.listenFor(listenSeconds);
    this.#listensUntil = performance.now() + (listenSeconds * 1000) / 2;
    // Poll once more: events stored before writers knew sent no notification.
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
