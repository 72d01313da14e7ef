import { setTimeout as sleep } from 'node:timers/promises';
import type { Outbox } from '@tradecore/event-sourcing';

/** Polling costs 0.3 ms of a core each time: often while work is likely, seldom later. */
const pollMs = 3;
const pollForMs = 2_000;
const backstopMs = 25;
/** Writers notify until this time, and no longer if the relay dies in its sleep. */
const asleepSeconds = 30;

/**
 * How the relay waits for work. There was some a moment ago: it asks every 3 ms. None for 2 s: it asks writers to notify it and looks every
 * 25 ms all the same, for a writer that read "awake" just before is not going to. Correctness never depends on a notification.
 */
export class WakeUp {
  #idleSince: number | undefined;
  #asleepUntil = 0;
  #wake: AbortController | undefined;

  /** There was work. */
  busy(): void {
    this.#idleSince = undefined;
    this.#asleepUntil = 0;
  }

  /** There may be work: ends the wait. */
  notify(): void {
    this.#wake?.abort();
  }

  /** Waits as long as is right after finding nothing. */
  async idle(outbox: Pick<Outbox, 'fallAsleep'>): Promise<void> {
    const now = performance.now();
    this.#idleSince ??= now;
    if (now - this.#idleSince < pollForMs) return this.#wait(pollMs);
    if (now > this.#asleepUntil) {
      await outbox.fallAsleep(asleepSeconds);
      this.#asleepUntil = now + (asleepSeconds * 1000) / 2;
      return; // Look once more: what came before writers knew has notified nobody.
    }
    return this.#wait(backstopMs);
  }

  async #wait(ms: number): Promise<void> {
    this.#wake = new AbortController();
    await sleep(ms, undefined, { signal: this.#wake.signal }).catch(() => undefined);
    this.#wake = undefined;
  }
}
