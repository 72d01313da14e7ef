import type { Random } from './random.ts';

/** Faults of a request; played by the code that passes requests to the exchange. */
export const requestFaults = [
  'timeout-before-accept',
  'timeout-after-accept',
  '500',
  '500-after-accept',
  '429',
  'slow',
  'fill-before-ack',
] as const;
/** Faults of an order; played by the exchange. */
export const orderFaults = [
  'reject',
  'suspend',
  'done-for-day',
  'partial-then-cancel-race',
  'cancel-rejected',
  'fill-after-cancel',
  'replace-rejected',
  'fill-before-replace',
  'overfill',
  'replace-counts-from-zero',
] as const;
/** Faults of the update stream; played by the code that sends it. */
export const streamFaults = ['duplicate-updates', 'out-of-order-updates', 'stream-gap'] as const;

/** The kind of a scripted fault that waits for its occasion. */
export type FaultKind = (typeof requestFaults)[number] | (typeof orderFaults)[number] | (typeof streamFaults)[number];

/** What a request does. */
export type Operation = 'submit' | 'replace' | 'cancel' | 'read';

/** A scripted fault. */
export interface Fault {
  readonly id: string;
  readonly kind: FaultKind;
  /** Only for orders in this symbol; all when absent. */
  readonly symbol?: string | undefined;
  /** Only for this account; all when absent. */
  readonly account?: string | undefined;
  /** Only for requests of this operation; submit, replace and cancel when absent. */
  readonly on?: Operation | undefined;
  /** Remaining number of times. */
  readonly times: number;
  /** Probability at each occasion, 0 to 1. */
  readonly probability: number;
  /** Duration: the delay of `slow`, the silence of `timeout-*`, the delay of the answer of `fill-before-ack`. */
  readonly ms?: number | undefined;
}

/** What is about to happen. */
export interface Occasion {
  readonly account: string;
  readonly symbol?: string | undefined;
  readonly on?: Operation | undefined;
}

/** The faults that wait for their occasion. */
export class Faults {
  readonly #waiting = new Map<string, Fault>();

  constructor(private readonly random: Random) {}

  /** Adds a fault; replaces one with the same id. */
  add(fault: Fault): void {
    this.#waiting.set(fault.id, fault);
  }

  /** All faults, in the order they were added. */
  list(): readonly Fault[] {
    return [...this.#waiting.values()];
  }

  /** Removes a fault; false if there is none. */
  remove(id: string): boolean {
    return this.#waiting.delete(id);
  }

  /** Removes all faults. */
  clear(): void {
    this.#waiting.clear();
  }

  /** Uses the first fault of these kinds that matches the occasion; undefined if none does. */
  take(kinds: readonly FaultKind[], occasion: Occasion): Fault | undefined {
    for (const fault of this.#waiting.values()) {
      if (!kinds.includes(fault.kind) || !fits(fault, occasion)) continue;
      if (fault.probability < 1 && this.random.next() >= fault.probability) continue;
      if (fault.times > 1) this.#waiting.set(fault.id, { ...fault, times: fault.times - 1 });
      else this.#waiting.delete(fault.id);
      return fault;
    }
    return undefined;
  }
}

const fits = (fault: Fault, { account, symbol, on }: Occasion): boolean =>
  (fault.symbol === undefined || fault.symbol === symbol) &&
  (fault.account === undefined || fault.account === account) &&
  (on === undefined || (fault.on === undefined ? on !== 'read' : fault.on === on));
