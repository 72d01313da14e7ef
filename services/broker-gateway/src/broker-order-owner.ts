import type { Verdict } from '@tradecore/consumers';
import { retryOnConflict, type Transaction } from '@tradecore/event-sourcing';
import { decimal } from '@tradecore/money';
import { logger } from '@tradecore/telemetry';
import {
  interpretReply,
  type BrokerageOrder,
  type BrokerOrder,
  type Interpretation,
  type Reply,
  type RevisionState,
} from '@tradecore/trading';
import type { BrokerOrderQueue } from './broker-order-queue.ts';
import type { BrokerOrderStore, Loaded, Origin } from './broker-order-store.ts';
import type { Brokerage } from './brokerage.ts';
import { writeState } from './revision-state.ts';

/** What became of a message from the brokerage. */
export type Applied = 'applied' | 'known' | 'foreign';

/** An unsolicited message: from the stream, or found by a sweep. */
export type Word = Extract<Reply, { of: 'stream' | 'list' }>;

interface WaitingWord {
  readonly reply: Word;
  readonly resolve: (applied: Applied) => void;
  readonly reject: (error: unknown) => void;
}

/** Dependencies of an owner. */
export interface OwnerParts {
  readonly store: BrokerOrderStore;
  readonly queue: BrokerOrderQueue;
  readonly brokerage: Brokerage;
}

/**
 * A worker's turn to settle a reply: until its release nothing else in this process stores the BrokerOrder's events.
 */
export interface Settlement {
  /** Interprets and saves the reply and all waiting messages, in the row's transaction. Runs again after a conflict. */
  settle(tx: Transaction): Promise<Verdict>;
  /** Ends the turn. Without a commit, the messages keep waiting and the loaded state is discarded. */
  release(isCommitted: boolean): void;
}

const log = logger('broker-orders');
const conflictsLimit = 10;

/** What this process knows of one BrokerOrder. Only the owner stores its events: all that waits for it, in one save. */
export class BrokerOrderOwner {
  #origin: Origin | undefined;
  /** The stored state; undefined when it is not certain. */
  #loaded: Loaded | undefined;
  #warm: Loaded['warm'] | undefined;
  /** Its last state shown by the brokerage. */
  #standing: string | undefined;
  #waiting: WaitingWord[] = [];
  #turn: Promise<void> = Promise.resolve();
  #flush: NodeJS.Timeout | undefined;
  #endGathering: () => void = () => undefined;

  constructor(
    readonly id: string,
    private readonly parts: OwnerParts,
  ) {}

  /** Whether a step that sends it is stored. */
  async isOurs(): Promise<boolean> {
    this.#origin ??= await this.parts.store.originOf(this.id);
    return this.#origin !== undefined;
  }

  /** Whether all of this is stored. */
  knows(shown: BrokerageOrder, executions: Extract<Reply, { of: 'list' }>['executions']): boolean {
    const order = this.#loaded?.order;
    if (!order || this.#standing !== standingOf(shown)) return false;
    return executions.every((execution) => {
      const known = order.execution(execution);
      return known?.quantity === decimal(execution.quantity) && known.price === decimal(execution.price);
    });
  }

  /** Stores a message, together with others that arrive at the same moment. */
  hear(reply: Word): Promise<Applied> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ reply, resolve, reject });
      if (isDecisive(reply)) {
        this.#endGathering();
        this.#flushIn(0);
      } else if (!this.#flush) this.#flushIn(this.parts.brokerage.config.BROKER_GATHER);
    });
  }

  /** The stored BrokerOrder; undefined when it is not ours. */
  async load(): Promise<Loaded | undefined> {
    const leave = await this.#enter();
    try {
      return await this.#load();
    } finally {
      leave();
    }
  }

  /** Starts the turn of a worker that has a reply; waits a moment for messages that belong to it. */
  async begin(reply: Reply | undefined, state: RevisionState): Promise<Settlement> {
    const leave = await this.#enter();
    await this.#gather(reply);
    const words = this.#takeWaiting();
    let applied: Applied | undefined;
    let isLate = false;
    let isFirst = true;
    return {
      settle: async (tx) => {
        const loaded = (isFirst ? this.#loaded : undefined) ?? (await this.#load());
        isFirst = false;
        if (!loaded) return { done: true };
        const { verdict, events, tradedLate } = await this.#settle(loaded, { words, reply, state, tx });
        isLate = tradedLate;
        applied = events > 0 ? 'applied' : 'known';
        return verdict;
      },
      release: (isCommitted) => {
        if (applied && isCommitted) {
          for (const { resolve } of words) resolve(applied);
          if (isLate) this.#askReplacements(true);
        } else {
          this.#waiting.unshift(...words);
          this.#loaded = undefined;
        }
        leave();
        if (this.#waiting.length > 0) this.#flushIn(0);
      },
    };
  }

  async #settle(
    loaded: Loaded,
    of: { words: readonly WaitingWord[]; reply: Reply | undefined; state: RevisionState; tx: Transaction },
  ): Promise<{ verdict: Verdict; events: number; tradedLate: boolean }> {
    const words = this.#interpret(loaded, of.words, of.state);
    const own = of.reply ? this.#interpretOne(loaded, of.reply, words.state) : nothingCalled(words.state, loaded.order);
    const events = await this.#save(loaded, of.tx);
    const next = earliest(own.again, loaded.order.isOpen ? words.asks : []);
    const { replaced, order } = loaded;
    if (replaced && !replaced.order.isOpen) this.parts.queue.drop(replaced.order.id);
    const tradedLate = words.tradedLate || own.tradedLate === true;
    if (next === 'done') return { verdict: { done: true }, events, tradedLate };
    const again = next === 'when-asked' ? 'on-request' : next;
    return { verdict: { again, state: writeState(own.state, order) }, events, tradedLate };
  }

  /** Stores waiting messages when no worker has a reply. */
  async #flushWaiting(): Promise<void> {
    const leave = await this.#enter();
    const words = this.#takeWaiting();
    try {
      if (words.length === 0) return;
      const events = await retryOnConflict(() => this.#storeWords(words), conflictsLimit);
      for (const { resolve } of words) resolve(events > 0 ? 'applied' : 'known');
    } catch (error) {
      this.#loaded = undefined;
      for (const { reject } of words) reject(error);
    } finally {
      leave();
    }
  }

  async #storeWords(words: readonly WaitingWord[]): Promise<number> {
    // Another gateway may have taken in the cancel that this end answers.
    const isCanceled = words.some(({ reply }) => shownBy(reply)?.status === 'canceled');
    const loaded = (isCanceled ? undefined : this.#loaded) ?? (await this.#load());
    if (!loaded) throw new Error(`no step sends BrokerOrder ${this.id}`);
    const { state, asks, tradedLate } = this.#interpret(loaded, words, {});
    const events = await this.#save(loaded).catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    const [soonest] = asks.toSorted((a, b) => a - b);
    if (soonest !== undefined) this.parts.queue.ask(this.id, state, soonest);
    else if (!loaded.order.isOpen && events > 0) this.parts.queue.drop(this.id);
    if (tradedLate || (!loaded.order.isOpen && events > 0)) this.#askReplacements(tradedLate);
    return events;
  }

  /** Wakes the replacements of an ended order; if it trades after its end, even ended ones check again. */
  #askReplacements(isLate: boolean): void {
    const { store, queue } = this.parts;
    const origin = isLate ? this.#origin : undefined;
    const asked = origin ? store.allReplacementsOf(this.id, origin) : store.replacementsOf(this.id);
    asked.then(
      (ids) => ids.forEach((id) => queue.ask(id)),
      (error: unknown) =>
        log.warn({ err: error, brokerOrderId: this.id }, 'could not wake the replacements; they check on schedule'),
    );
  }

  /** Interprets messages one by one; the resulting state is merged over the row's. */
  #interpret(loaded: Loaded, words: readonly WaitingWord[], before: RevisionState) {
    let state = before;
    let tradedLate = false;
    const asks: number[] = [];
    for (const { reply } of words) {
      const heard = this.#interpretOne(loaded, reply, state);
      state = { ...state, ...heard.state };
      tradedLate ||= heard.tradedLate ?? false;
      if (typeof heard.again === 'number') asks.push(heard.again);
    }
    return { state, asks, tradedLate };
  }

  #interpretOne({ order, replaced, cancels }: Loaded, reply: Reply, state: RevisionState): Interpretation {
    const { brokerage } = this.parts;
    const shown = shownBy(reply);
    if (shown) this.#standing = standingOf(shown);
    return interpretReply({ order, cancels, state, ...(replaced && { replaced }) }, reply, brokerage.rules, brokerage.now());
  }

  async #save(loaded: Loaded, tx?: Transaction): Promise<number> {
    const { order } = loaded;
    this.#tell(order);
    const events = await this.parts.store.save(loaded, tx);
    const own = events.filter(({ aggregateId }) => aggregateId === this.id);
    loaded.warm.lastEventId = own.at(-1)?.id ?? loaded.warm.lastEventId;
    return events.length;
  }

  /** Logs what an operator has to look at. */
  #tell(order: BrokerOrder): void {
    for (const { type, data } of order.uncommittedEvents) {
      if (type === 'BrokerOutcomeUnresolved') {
        log.error({ brokerOrderId: this.id, ...data }, 'the outcome at the brokerage stays unknown');
      }
      if (type === 'BrokerOrderAccepted' && order.mustCancel) {
        log.error(
          { brokerOrderId: this.id, orderId: order.terms?.orderId, accountId: order.terms?.accountId },
          'an order that was given up is at the brokerage; cancelling it',
        );
      }
    }
  }

  async #load(): Promise<Loaded | undefined> {
    const warm = this.#warm?.aggregate.uncommittedEvents.length === 0 ? this.#warm : undefined;
    this.#loaded = this.#warm = undefined;
    this.#loaded = await this.parts.store.load(this.id, this.#origin, warm);
    this.#warm = this.#loaded?.warm;
    this.#origin ??= this.#loaded?.origin;
    return this.#loaded;
  }

  /** Waits briefly after an order was accepted: if it trades at once, its executions arrive within moments. */
  async #gather(reply: Reply | undefined): Promise<void> {
    const shown = reply && (reply.of === 'submit' || reply.of === 'replace') ? shownBy(reply) : undefined;
    const ms = this.parts.brokerage.config.BROKER_GATHER;
    if (shown?.status !== 'working' || ms === 0 || this.#waiting.some(({ reply: word }) => isDecisive(word))) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endGathering = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #flushIn(ms: number): void {
    clearTimeout(this.#flush);
    this.#flush = setTimeout(() => {
      this.#flush = undefined;
      void this.#flushWaiting();
    }, ms);
  }

  #takeWaiting(): WaitingWord[] {
    clearTimeout(this.#flush);
    this.#flush = undefined;
    return this.#waiting.splice(0);
  }

  /** Waits for its turn; resolves to the function that ends it. */
  async #enter(): Promise<() => void> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    return resolve;
  }
}

/** No step was left: the row is removed or waits. */
const nothingCalled = (state: RevisionState, { isOpen }: BrokerOrder): Interpretation => ({
  state,
  again: isOpen ? 'when-asked' : state.list ? 0 : 'done',
});

/** Whether to store without waiting: the order has ended, or a sweep found this. */
const isDecisive = (reply: Word): boolean => reply.of === 'list' || reply.update.order.status !== 'working';

const standingOf = ({ brokerageStatus, filledQuantity, replacedBy }: BrokerageOrder): string =>
  `${brokerageStatus} ${filledQuantity} ${replacedBy ?? ''}`;

/** The order as a reply shows it. */
function shownBy(reply: Reply): BrokerageOrder | undefined {
  if (reply.of === 'stream') return reply.update.order;
  if (reply.of === 'list') return reply.order;
  const answer =
    reply.of === 'look-up' ? reply.own?.answer : reply.of === 'submit' || reply.of === 'replace' ? reply.answer : undefined;
  return answer?.kind === 'order' ? answer.order : undefined;
}

function earliest(again: Interpretation['again'], asks: readonly number[]): Interpretation['again'] {
  if (asks.length === 0) return again;
  return Math.min(...asks, ...(typeof again === 'number' ? [again] : []));
}
