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

/** What became of a word of the brokerage. */
export type Applied = 'applied' | 'known' | 'foreign';

/** What nobody asked for: it comes by itself, or a sweep finds it. */
export type Word = Extract<Reply, { of: 'stream' | 'list' }>;

interface WaitingWord {
  readonly reply: Word;
  readonly resolve: (applied: Applied) => void;
  readonly reject: (error: unknown) => void;
}

/** What an owner works with. */
export interface OwnerParts {
  readonly store: BrokerOrderStore;
  readonly queue: BrokerOrderQueue;
  readonly brokerage: Brokerage;
}

/** The turn of a worker that has a reply: until it is released nobody else of this process stores anything of the BrokerOrder. */
export interface Settlement {
  /** Interprets the reply and all that waits, and saves it; in the transaction that settles the row. Runs again after a conflict. */
  settle(tx: Transaction): Promise<Verdict>;
  /** What was settled counts only when its transaction is committed: else the words wait on, and nothing that was saved is believed. */
  release(isCommitted: boolean): void;
}

const log = logger('broker-orders');
const conflictsLimit = 10;

/** What this process knows of one BrokerOrder, and the one place where its events are stored: all that waits for it together, in one save. */
export class BrokerOrderOwner {
  #origin: Origin | undefined;
  /** As it is stored; undefined where that is not sure. */
  #loaded: Loaded | undefined;
  #warm: Loaded['warm'] | undefined;
  /** How the brokerage showed it last. */
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

  /** Whether all of this has been taken over. */
  knows(shown: BrokerageOrder, executions: Extract<Reply, { of: 'list' }>['executions']): boolean {
    const order = this.#loaded?.order;
    if (!order || this.#standing !== standingOf(shown)) return false;
    return executions.every((execution) => {
      const known = order.execution(execution);
      return known?.quantity === decimal(execution.quantity) && known.price === decimal(execution.price);
    });
  }

  /** Takes over a word, with all that comes in the same moment. */
  hear(reply: Word): Promise<Applied> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ reply, resolve, reject });
      if (isDecisive(reply)) {
        this.#endGathering();
        this.#flushIn(0);
      } else if (!this.#flush) this.#flushIn(this.parts.brokerage.config.BROKER_GATHER);
    });
  }

  /** The BrokerOrder as it is stored; undefined when it is not ours. */
  async load(): Promise<Loaded | undefined> {
    const leave = await this.#enter();
    try {
      return await this.#load();
    } finally {
      leave();
    }
  }

  /** A worker has a reply: waits a moment for what belongs to it, and for its turn. */
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

  /** Stores what waits, where no worker has a reply for it. */
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
    const loaded = this.#loaded ?? (await this.#load());
    if (!loaded) throw new Error(`no step sends the BrokerOrder ${this.id}`);
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

  /** What is to take its place goes on when it has ended, and looks again, though it may have ended too, when what this one has traded changes after that. */
  #askReplacements(isLate: boolean): void {
    const { store, queue } = this.parts;
    const origin = isLate ? this.#origin : undefined;
    const asked = origin ? store.allReplacementsOf(this.id, origin) : store.replacementsOf(this.id);
    asked.then(
      (ids) => ids.forEach((id) => queue.ask(id)),
      (error: unknown) =>
        log.warn({ err: error, brokerOrderId: this.id }, 'what replaces it was not asked: it looks in its time'),
    );
  }

  /** Interprets words one after the other; the state that they leave is laid over the row's. */
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

  /** What somebody has to look at. */
  #tell(order: BrokerOrder): void {
    for (const { type, data } of order.uncommittedEvents) {
      if (type === 'BrokerOutcomeUnresolved') {
        log.error({ brokerOrderId: this.id, ...data }, 'the outcome at the brokerage stays unknown');
      }
      if (type === 'BrokerOrderAccepted' && order.mustCancel) {
        log.error({ brokerOrderId: this.id }, 'an order that was given up is at the brokerage: it is cancelled there');
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

  /** What the brokerage has just taken trades within moments, if it trades at once. */
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

  /** Resolves when it is one's turn, to the function that ends it. */
  async #enter(): Promise<() => void> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    return resolve;
  }
}

/** Where no step was left: the row goes, or rests. */
const nothingCalled = (state: RevisionState, { isOpen }: BrokerOrder): Interpretation => ({
  state,
  again: isOpen ? 'when-asked' : state.list ? 0 : 'done',
});

/** It has ended, or what was found is to be stored at once: nothing is waited for. */
const isDecisive = (reply: Word): boolean => reply.of === 'list' || reply.update.order.status !== 'working';

const standingOf = ({ brokerageStatus, filledQuantity, replacedBy }: BrokerageOrder): string =>
  `${brokerageStatus} ${filledQuantity} ${replacedBy ?? ''}`;

/** The order itself as a reply shows it. */
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
