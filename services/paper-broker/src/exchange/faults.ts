import type { Random } from './random.ts';

/** What may go wrong with a request; whoever carries requests to the exchange plays them. */
export const requestFaults = [
  'timeout-before-accept',
  'timeout-after-accept',
  '500',
  '500-after-accept',
  '429',
  'slow',
  'fill-before-ack',
] as const;
/** What may go wrong with an order; the exchange plays them. */
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
/** What may go wrong with the stream of updates; whoever carries it plays them. */
export const streamFaults = ['duplicate-updates', 'out-of-order-updates', 'stream-gap'] as const;

/** The kind of a fault that waits for its occasion. */
export type FaultKind = (typeof requestFaults)[number] | (typeof orderFaults)[number] | (typeof streamFaults)[number];

/** What a request asks. */
export type Operation = 'submit' | 'replace' | 'cancel' | 'read';

/** A fault by script. */
export interface Fault {
  readonly id: string;
  readonly kind: FaultKind;
  /** Only for orders in this symbol; all when absent. */
  readonly symbol?: string;
  /** Only for this account; all when absent. */
  readonly account?: string;
  /** Only for requests of this operation; submit, replace and cancel when absent. */
  readonly on?: Operation;
  /** How often it happens still. */
  readonly times: number;
  /** How likely at each occasion, 0 to 1. */
  readonly probability: number;
  /** How long: of `slow` the delay, of `timeout-*` the silence, of `fill-before-ack` the delay of the answer. */
  readonly ms?: number;
}

/** What is about to happen. */
export interface Occasion {
  readonly account: string;
  readonly symbol?: string;
  readonly on?: Operation;
}

/** The faults that wait for their occasion. */
export class Faults {
  readonly #waiting = new Map<string, Fault>();

  constructor(private readonly random: Random) {}

  /** Adds one; one of the same id is replaced. */
  add(fault: Fault): void {
    this.#waiting.set(fault.id, fault);
  }

  /** All, in the order in which they were added. */
  list(): readonly Fault[] {
    return [...this.#waiting.values()];
  }

  /** Removes one; false when there is none. */
  remove(id: string): boolean {
    return this.#waiting.delete(id);
  }

  /** Removes all. */
  clear(): void {
    this.#waiting.clear();
  }

  /** The first fault of one of the kinds that fits the occasion, used once; undefined when nothing goes wrong. */
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
