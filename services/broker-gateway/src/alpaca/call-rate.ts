import { logger } from '@tradecore/telemetry';
import type { CallSlots } from '../call-slots.ts';

/** The brokerage's rate limit, or its request to wait, would delay a call longer than it may wait. */
export class RateExceeded extends Error {
  override readonly name = 'RateExceeded';
  constructor(readonly retryAfterMs: number) {
    super(`rate limit exhausted for ${Math.ceil(retryAfterMs)} ms`);
  }
}

interface Waiting {
  readonly isUrgent: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const log = logger('broker-http');
/**
 * With a high limit, 50 ms of slots are reserved together, so that not every call reserves one. Unused slots expire
 * after a second.
 */
const reservedMs = 50;
const keptMs = 1_000;
/** No more work begins while this many calls wait, so that a call sends what was decided just before. */
const waitingLimit = 2;

/** Releases calls when their slot is due, urgent ones first; refuses a call that would wait longer than `maxWaitMs`. */
export class CallRate {
  #waiting: Waiting[] = [];
  /** Start times of the slots reserved by this process, in order. */
  #slots: number[] = [];
  #isReserving = false;
  #timer: NodeJS.Timeout | undefined;
  #roomy: () => void = () => undefined;

  constructor(
    private readonly slots: CallSlots,
    private readonly maxWaitMs: number,
  ) {}

  /** How much more work may begin; unlimited unless the next slot lies in the future. */
  get room(): number {
    const [first] = this.#slots;
    const isSpent = first !== undefined && first > performance.now();
    return isSpent ? Math.max(0, waitingLimit - this.#waiting.length) : Infinity;
  }

  /** Calls `listener` when a waiting call was released. */
  onRoom(listener: () => void): void {
    this.#roomy = listener;
  }

  /** Resolves when the call may be sent. Throws `RateExceeded`. */
  take(isUrgent = false): Promise<void> {
    return new Promise((resolve, reject) => {
      const one = { isUrgent, resolve, reject };
      const behind = isUrgent ? this.#waiting.findIndex((each) => !each.isUrgent) : -1;
      this.#waiting.splice(behind === -1 ? this.#waiting.length : behind, 0, one);
      this.#serve();
    });
  }

  /** The brokerage asked us to wait: no replica sends a call before then. */
  async pause(ms: number): Promise<void> {
    const from = performance.now() + ms;
    this.#slots = ms > this.maxWaitMs ? [] : this.#slots.map((at) => Math.max(at, from));
    if (ms > this.maxWaitMs) this.#refuse(this.#waiting.length, new RateExceeded(ms));
    await this.slots.pause(ms).catch((error: unknown) => log.warn({ err: error }, 'could not tell the other replicas to wait'));
  }

  #serve(): void {
    const now = performance.now();
    this.#slots = this.#slots.filter((at) => at >= now - keptMs);
    while (this.#waiting.length > 0 && this.#slots[0] !== undefined && this.#slots[0] <= now) {
      this.#slots.shift();
      this.#waiting.shift()?.resolve();
    }
    clearTimeout(this.#timer);
    const [first] = this.#slots;
    if (this.#waiting.length > 0 && first !== undefined) this.#timer = setTimeout(() => this.#slotCame(), Math.ceil(first - now));
    if (this.#waiting.length > this.#slots.length && !this.#isReserving) void this.#reserve();
  }

  #slotCame(): void {
    this.#serve();
    this.#roomy();
  }

  async #reserve(): Promise<void> {
    this.#isReserving = true;
    const slotMs = 60_000 / this.slots.perMinute;
    const most = Math.max(1, Math.floor(this.maxWaitMs / slotMs));
    const missing = this.#waiting.length - this.#slots.length;
    const asked = Math.min(most, Math.max(missing, Math.floor(reservedMs / slotMs)));
    try {
      const { count, waitMs } = await this.slots.reserve(asked, this.maxWaitMs);
      const now = performance.now();
      for (let n = 0; n < count; n += 1) this.#slots.push(now + Math.max(0, waitMs + n * slotMs));
      if (count === 0) this.#refuse(missing, new RateExceeded(waitMs));
    } catch (error) {
      log.warn({ err: error }, 'could not reserve call slots; nothing is sent');
      this.#refuse(missing, new RateExceeded(keptMs));
    } finally {
      this.#isReserving = false;
      this.#serve();
    }
  }

  /** Refuses the last calls of the queue: urgent ones are at its front. */
  #refuse(count: number, error: RateExceeded): void {
    for (const { reject } of this.#waiting.splice(Math.max(0, this.#waiting.length - count))) reject(error);
  }
}
