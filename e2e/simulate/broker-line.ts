import { decimal } from '@tradecore/money';
import { executionIdFor, type RevisionTerms } from '@tradecore/events';
import {
  Exchange,
  Refusal,
  type Occasion,
  type OrderRequest,
  type Update,
  type ExchangeOrder as PaperOrder,
} from '@tradecore/paper-broker/exchange';
import type { BrokerAnswer, BrokerageExecution, BrokerageOrder, BrokerageStatus } from '@tradecore/trading';
import type { Chance } from './chance.ts';
import type { Clock } from './clock.ts';

/** How bad the line to the broker is: milliseconds, and shares of calls or updates. */
export interface LineFaults {
  readonly slowest: number;
  /** A call is given up after so long; what was sent may still arrive for `stragglers` after that. */
  readonly timeout: number;
  readonly stragglers: number;
  /** Requests that are lost, replies that are lost, requests that come late. */
  readonly lostRequests: number;
  readonly lostReplies: number;
  readonly lateRequests: number;
  /** Answers 429 and 500 before anything was done, and 500 after it was done. */
  readonly busy: number;
  readonly failing: number;
  readonly failingAfter: number;
  /** Updates that are lost, come twice, or overtake each other. */
  readonly lostUpdates: number;
  readonly repeatedUpdates: number;
  readonly shuffledUpdates: number;
}

/** The fleet's account at the broker. */
export const brokerAccount = 'fleet';
const account = brokerAccount;
const brokerage = 'paper';

/** What is heard from the broker without having asked. */
export interface Heard {
  readonly update: Update['event'];
  readonly order: BrokerageOrder;
  readonly execution?: BrokerageExecution;
  /** Its executions up to this update: those of the revisions before are in its filled quantity, but not in here. */
  readonly executions: readonly BrokerageExecution[];
}

/** An execution, and the name of the order that it is of. */
export interface Fill {
  readonly clientOrderId: string;
  readonly execution: BrokerageExecution;
}

/** What the broker lists. */
export interface Listed {
  readonly open: readonly BrokerageOrder[];
  readonly fills: readonly Fill[];
}

/** The paper broker's own exchange at the end of a bad line. */
export class BrokerLine {
  readonly exchange: Exchange;
  /** Every execution that the exchange ever made, by the broker's order id: what its list of fills shows. */
  readonly executions = new Map<string, BrokerageExecution[]>();
  /** The same in their order, each with the name of its order. */
  readonly #fills: Fill[] = [];
  readonly #clock: Clock;
  readonly #chance: Chance;
  faults: LineFaults;
  awayUntil = 0;
  hear: (heard: Heard) => void = () => {};

  constructor(clock: Clock, chance: Chance, faults: LineFaults) {
    this.#clock = clock;
    this.#chance = chance;
    this.faults = faults;
    this.exchange = new Exchange({ seed: chance.whole(1, 2 ** 31), partialFills: 0.3 });
    this.exchange.open(account, '10000000000', clock.now);
  }

  /** The market moves. */
  tick(): void {
    this.exchange.tick(this.#clock.now);
    this.#tell();
  }

  submit(clientOrderId: string, terms: RevisionTerms, answer: (answer: BrokerAnswer) => void): void {
    this.#call(
      { account, on: 'submit', symbol: terms.symbol },
      () => {
        const order = this.exchange.submit(account, requestOf(clientOrderId, terms), this.#clock.now);
        return { kind: 'order', order: seen(order) };
      },
      answer,
    );
  }

  replace(brokerageOrderId: string, clientOrderId: string, terms: RevisionTerms, answer: (answer: BrokerAnswer) => void): void {
    const { quantity, limitPrice, stopPrice } = terms;
    const changes = {
      clientOrderId,
      qty: quantity,
      ...(limitPrice !== undefined && { limitPrice }),
      ...(stopPrice !== undefined && { stopPrice }),
    };
    this.#call(
      { account, on: 'replace', symbol: terms.symbol },
      () => {
        const order = this.exchange.replace(account, brokerageOrderId, changes, this.#clock.now);
        return { kind: 'order', order: seen(order) };
      },
      answer,
    );
  }

  cancel(brokerageOrderId: string, symbol: string, answer: (answer: BrokerAnswer) => void): void {
    this.#call(
      { account, on: 'cancel', symbol },
      () => {
        this.exchange.cancel(account, brokerageOrderId, this.#clock.now);
        return { kind: 'done' };
      },
      answer,
    );
  }

  /** The order of this name with all its executions: what two look-ups in a row would show. */
  lookUp(clientOrderId: string, answer: (answer: BrokerAnswer, executions: readonly BrokerageExecution[]) => void): void {
    let executions: readonly BrokerageExecution[] = [];
    this.#call(
      { account, on: 'read' },
      () => {
        const order = this.exchange.orderByClientId(account, clientOrderId);
        executions = this.executions.get(order.id) ?? [];
        return { kind: 'order', order: seen(order) };
      },
      (found) => answer(found, executions),
    );
  }

  /** What the broker works, and all executions but the first `known`: what two lists of it would show. */
  brokerageSweep(known: number, answer: (listed: Listed) => void): void {
    let listed: Listed = { open: [], fills: [] };
    this.#call(
      { account, on: 'read' },
      () => {
        const open = this.exchange.orders(account, { status: 'open', limit: Number.MAX_SAFE_INTEGER }).map(seen);
        listed = { open, fills: this.#fills.slice(known) };
        return { kind: 'done' };
      },
      ({ kind }) => kind === 'done' && answer(listed),
    );
  }

  #call(occasion: Occasion, perform: () => BrokerAnswer, answer: (answer: BrokerAnswer) => void): void {
    const { slowest, timeout, stragglers, lateRequests } = this.faults;
    let isAnswered = false;
    const once = (result: BrokerAnswer): void => {
      if (!isAnswered) answer(result);
      isAnswered = true;
    };
    const travel = (): number => this.#chance.whole(1, slowest);
    if (this.awayUntil > this.#clock.now)
      return this.#clock.in(travel(), () => once({ kind: 'unsent', reason: 'no connection' }));
    this.#clock.in(timeout, () => once({ kind: 'unknown', reason: 'no answer' }));
    const arrives = this.#chance.happens(lateRequests) ? timeout + this.#chance.whole(0, stragglers) : travel();
    this.#clock.in(arrives, () => {
      const result = this.#arrive(occasion, perform);
      if (result) this.#clock.in(travel(), () => once(result));
    });
  }

  /** What the broker answers; nothing where request or reply is lost. */
  #arrive({ on }: Occasion, perform: () => BrokerAnswer): BrokerAnswer | undefined {
    const { lostRequests, lostReplies, busy, failing, failingAfter } = this.faults;
    const happens = (share: number): boolean => this.#chance.happens(share);
    if (happens(lostRequests)) return undefined;
    if (happens(busy)) return { kind: 'unsent', reason: '429', retryAfterMs: 100 };
    if (happens(failing)) return { kind: 'unknown', reason: '500' };
    const result = this.#performed(perform);
    if (on !== 'read') {
      // The exchange does what it was asked a moment later, as the server does.
      this.#clock.in(this.#chance.whole(0, 5), () => {
        this.exchange.work(this.#clock.now);
        this.#tell();
      });
    }
    if (happens(lostReplies)) return undefined;
    return happens(failingAfter) ? { kind: 'unknown', reason: '500' } : result;
  }

  #performed(perform: () => BrokerAnswer): BrokerAnswer {
    try {
      return perform();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.status === 404) return { kind: 'absent' };
      if (error.code === 40010001 && error.message.includes('client_order_id')) return { kind: 'duplicate' };
      return { kind: 'refused', code: String(error.code), reason: error.message };
    }
  }

  /** The stream: late, and now and then lost, twice or out of order. */
  #tell(): void {
    for (const update of this.exchange.takeUpdates()) {
      const execution = executionOf(update);
      if (execution) {
        this.executions.set(update.order.id, [...(this.executions.get(update.order.id) ?? []), execution]);
        this.#fills.push({ clientOrderId: update.order.clientOrderId, execution });
      }
      const executions = this.executions.get(update.order.id) ?? [];
      this.#send({ update: update.event, order: seen(update.order), executions, ...(execution && { execution }) });
    }
  }

  #streamFreeAt = 0;

  #send(heard: Heard): void {
    const { slowest, lostUpdates, repeatedUpdates, shuffledUpdates } = this.faults;
    if (this.awayUntil > this.#clock.now || this.#chance.happens(lostUpdates)) return;
    const arrives = this.#clock.now + this.#chance.whole(1, slowest);
    if (this.#chance.happens(shuffledUpdates)) return this.#clock.at(arrives + slowest, () => this.hear(heard));
    this.#streamFreeAt = Math.max(this.#streamFreeAt, arrives);
    this.#clock.at(this.#streamFreeAt, () => this.hear(heard));
    if (this.#chance.happens(repeatedUpdates)) this.#clock.in(3 * slowest, () => this.hear(heard));
  }
}

/** Faults of the exchange itself, each at this share of its occasions. */
export function scriptFaults(exchange: Exchange, share: number): void {
  const kinds = ['reject', 'partial-then-cancel-race', 'cancel-rejected', 'fill-after-cancel', 'replace-rejected'] as const;
  for (const kind of kinds) exchange.faults.add({ id: kind, kind, times: Number.MAX_SAFE_INTEGER, probability: share });
}

const statuses: Readonly<Record<PaperOrder['status'], BrokerageStatus>> = {
  pending_new: 'working',
  new: 'working',
  partially_filled: 'working',
  pending_cancel: 'working',
  pending_replace: 'working',
  filled: 'filled',
  done_for_day: 'doneForDay',
  canceled: 'canceled',
  expired: 'expired',
  replaced: 'replaced',
  rejected: 'rejected',
  suspended: 'suspended',
};

const seen = (order: PaperOrder): BrokerageOrder => ({
  brokerageOrderId: order.id,
  clientOrderId: order.clientOrderId,
  symbol: order.symbol,
  side: order.side,
  status: statuses[order.status],
  brokerageStatus: order.status,
  quantity: order.qty,
  filledQuantity: order.filledQty,
  submittedAt: new Date(order.submittedAt).toISOString(),
  ...(order.replaces !== undefined && { replaces: order.replaces }),
  ...(order.replacedBy !== undefined && { replacedBy: order.replacedBy }),
});

function executionOf({ order, execution, at }: Update): BrokerageExecution | undefined {
  if (!execution || execution.previousId !== undefined) return undefined;
  return {
    executionId: executionIdFor(brokerage, execution.id),
    brokerageExecutionId: execution.id,
    brokerageOrderId: order.id,
    quantity: execution.qty,
    price: execution.price,
    executedAt: new Date(at).toISOString(),
  };
}

function requestOf(clientOrderId: string, terms: RevisionTerms): OrderRequest {
  const { symbol, side, type, timeInForce, quantity, limitPrice, stopPrice } = terms;
  return {
    clientOrderId,
    symbol,
    side,
    type: type === 'stopLimit' ? 'stop_limit' : type,
    timeInForce,
    qty: decimal(quantity),
    ...(limitPrice !== undefined && { limitPrice }),
    ...(stopPrice !== undefined && { stopPrice }),
  };
}
