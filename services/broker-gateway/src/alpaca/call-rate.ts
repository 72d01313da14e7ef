import { logger } from '@tradecore/telemetry';
import type { CallSlots } from '../call-slots.ts';

/** The broker's limit, or its word to wait, does not let the call go within the time that it may wait. */
export class RateExceeded extends Error {
  override readonly name = 'RateExceeded';
  constructor(readonly retryAfterMs: number) {
    super(`the rate limit is used up for ${Math.ceil(retryAfterMs)} ms`);
  }
}

interface Waiting {
  readonly isUrgent: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const log = logger('broker-http');
/** Slots that are reserved at once where the limit is high, so that not each call asks for one: 50 ms of them. They are let go after a second. */
const reservedMs = 50;
const keptMs = 1_000;
/** Calls that may wait before no more work is begun: a call that comes up to its turn has decided just now what it sends. */
const waitingLimit = 2;

/** Lets calls go when their slot comes, the urgent ones first; who would wait longer than `maxWaitMs` is refused. */
export class CallRate {
  #waiting: Waiting[] = [];
  /** When the slots that are ours begin, in order. */
  #slots: number[] = [];
  #isReserving = false;
  #timer: NodeJS.Timeout | undefined;
  #roomy: () => void = () => undefined;

  constructor(
    private readonly slots: CallSlots,
    private readonly maxWaitMs: number,
  ) {}

  /** How much more work may begin: as much as there is while no call waits for its slot. */
  get room(): number {
    const [first] = this.#slots;
    const isSpent = first !== undefined && first > performance.now();
    return isSpent ? Math.max(0, waitingLimit - this.#waiting.length) : Infinity;
  }

  /** Calls `listener` when a call that waited has gone. */
  onRoom(listener: () => void): void {
    this.#roomy = listener;
  }

  /** Resolves when the call may go. Throws `RateExceeded`. */
  take(isUrgent = false): Promise<void> {
    return new Promise((resolve, reject) => {
      const one = { isUrgent, resolve, reject };
      const behind = isUrgent ? this.#waiting.findIndex((each) => !each.isUrgent) : -1;
      this.#waiting.splice(behind === -1 ? this.#waiting.length : behind, 0, one);
      this.#serve();
    });
  }

  /** The broker said to wait: no call of any replica before that. */
  async pause(ms: number): Promise<void> {
    const from = performance.now() + ms;
    this.#slots = ms > this.maxWaitMs ? [] : this.#slots.map((at) => Math.max(at, from));
    if (ms > this.maxWaitMs) this.#refuse(this.#waiting.length, new RateExceeded(ms));
    await this.slots
      .pause(ms)
      .catch((error: unknown) => log.warn({ err: error }, 'other replicas do not know that the broker said to wait'));
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
      log.warn({ err: error }, 'the rate limit could not be read: nothing is sent');
      this.#refuse(missing, new RateExceeded(keptMs));
    } finally {
      this.#isReserving = false;
      this.#serve();
    }
  }

  /** The last ones, of those that are not urgent first. */
  #refuse(count: number, error: RateExceeded): void {
    for (const { reject } of this.#waiting.splice(Math.max(0, this.#waiting.length - count))) reject(error);
  }
}
