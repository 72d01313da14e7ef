import { compare, decimal } from '@tradecore/money';
import { executionIdFor, type RevisionTerms } from '@tradecore/events';
import {
  Exchange,
  isOpen,
  Refusal,
  type ExchangeOrder,
  type Occasion,
  type OrderRequest,
  type Update,
} from '@tradecore/paper-broker/exchange';
import type {
  BrokerageAnswer,
  BrokerageExecution,
  BrokerageOrder,
  BrokerageStatus,
  BrokerageUpdate,
  ExecutionReport,
} from '@tradecore/trading';
import type { Chance } from './chance.ts';
import { timeOf, type Clock } from './clock.ts';
import { withoutStack } from './without-stack.ts';

/** Quality of the line to the brokerage: milliseconds, and shares of calls or updates. */
export interface LineFaults {
  readonly slowest: number;
  /** Time limit of a call; its request may still arrive up to `stragglers` later. */
  readonly timeout: number;
  readonly stragglers: number;
  /** Lost requests, lost replies, late requests. */
  readonly lostRequests: number;
  readonly lostReplies: number;
  readonly lateRequests: number;
  /** Answers 429 and 500 without effect, and 500 with effect. */
  readonly busy: number;
  readonly failing: number;
  readonly failingAfter: number;
  /** Updates that are lost, duplicated, or reordered. */
  readonly lostUpdates: number;
  readonly repeatedUpdates: number;
  readonly shuffledUpdates: number;
  /** Share of executions busted or corrected; probability that a paused order resumes, at each market move. */
  readonly amended: number;
  readonly resumed: number;
  /** Probability that another program uses the login, at each market move. */
  readonly foreign: number;
}

/** The fleet's account at the brokerage, and the brokerage's name in ids. */
export const brokerAccount = 'fleet';
export const brokerage = 'paper';
const account = brokerAccount;

/** An order as the brokerage lists it, with its executions in force. */
export interface ListedOrder {
  readonly order: BrokerageOrder;
  readonly executions: readonly BrokerageExecution[];
}

/** The result of a brokerage sweep: orders changed since the last one, and the names of all open ones. */
export interface Listed {
  readonly changed: readonly ListedOrder[];
  readonly open: ReadonlySet<string>;
  /** Where the next one begins. */
  readonly until: number;
}

/** Receives the stream of updates. */
export type Hear = (update: BrokerageUpdate) => void;

/** The paper broker's own exchange at the end of a bad line. */
export class BrokerageLine {
  readonly exchange: Exchange;
  /**
   * Executions as the brokerage has them now, by its order id: busted ones are gone, corrected ones have their new
   * figures.
   */
  readonly executions = new Map<string, readonly BrokerageExecution[]>();
  /**
   * Orders, by our names, that the brokerage traded beyond their quantity or after reporting their end, or counts from
   * zero against its rule.
   */
  readonly beyond = new Set<string>();
  /** Number of executions busted or corrected so far. */
  amendments = 0;
  faults: LineFaults;
  awayUntil = 0;
  readonly #carriesFills: boolean;
  readonly #clock: Clock;
  readonly #chance: Chance;
  readonly #readers: { readonly hear: Hear; freeAt: number }[] = [];
  /** The brokerage's ids of orders, in the order in which they changed. */
  readonly #changes: string[] = [];
  readonly #shown = new WeakMap<ExchangeOrder, BrokerageOrder>();
  readonly #paused = new Set<string>();
  #foreign = 0;

  constructor({ clock, chance }: { clock: Clock; chance: Chance }, faults: LineFaults, replaceCarriesFills: boolean) {
    this.#clock = clock;
    this.#chance = chance;
    this.faults = faults;
    this.#carriesFills = replaceCarriesFills;
    this.exchange = new Exchange({ seed: chance.whole(1, 2 ** 31), partialFills: 0.3, replaceCarriesFills });
    this.exchange.open(account, '10000000000', clock.now);
  }

  /** Sends every update to this reader as well: each has its own connection. */
  read(hear: Hear): void {
    this.#readers.push({ hear, freeAt: 0 });
  }

  /** The market moves; sometimes the brokerage amends an execution, or resumes a paused order. */
  tick(): void {
    const { resumed, foreign } = this.faults;
    this.exchange.tick(this.#clock.now);
    this.#tell();
    if (this.#chance.happens(resumed)) this.#resume();
    if (this.#chance.happens(foreign)) this.#tradeElsewhere();
    this.#tell();
  }

  /** Busts or corrects an execution, perhaps more than once. */
  amend({ orderId, id }: Standing): void {
    const execution = this.executions.get(orderId)?.find(({ brokerageExecutionId }) => brokerageExecutionId === id);
    if (!execution) return;
    this.amendments += 1;
    if (this.#chance.happens(0.5)) this.exchange.bust(id, this.#clock.now);
    else this.#correct({ orderId, id }, execution);
    this.#tell();
  }

  #correct({ orderId, id }: Standing, execution: BrokerageExecution): void {
    const price = (Number(execution.price) * (0.99 + this.#chance.next() / 50)).toFixed(2);
    const fewer = this.#chance.happens(0.3) && Number(execution.quantity) > 1 && { qty: String(Number(execution.quantity) - 1) };
    this.exchange.correct(id, { price, ...fewer }, this.#clock.now);
    this.#amendLater({ orderId, id }, 0.3);
  }

  /** Amends executions of orders that have ended long ago. */
  amendSome(count: number): void {
    const all = [...this.executions].flatMap(([orderId, executions]) =>
      executions.map(({ brokerageExecutionId: id }) => ({ orderId, id })),
    );
    for (let each = 0; each < count && all.length > 0; each += 1) this.amend(this.#chance.pick(all));
  }

  #amendLater(standing: Standing, share: number): void {
    if (this.#chance.happens(share))
      this.#clock.in(this.#chance.whole(1, this.#chance.pick([100, 2000, 60_000])), () => this.amend(standing));
  }

  submit(clientOrderId: string, terms: RevisionTerms, answer: (answer: BrokerageAnswer) => void): void {
    const submit = (): BrokerageAnswer => ({
      kind: 'order',
      order: this.show(this.exchange.submit(account, requestOf(clientOrderId, terms), this.#clock.now)),
    });
    this.#call({ account, on: 'submit', symbol: terms.symbol }, submit, answer);
  }

  replace(
    at: { readonly brokerageOrderId: string; readonly clientOrderId: string },
    terms: RevisionTerms,
    answer: Answered,
  ): void {
    const { quantity, limitPrice, stopPrice, symbol } = terms;
    const changes = {
      clientOrderId: at.clientOrderId,
      qty: quantity,
      ...(limitPrice !== undefined && { limitPrice }),
      ...(stopPrice !== undefined && { stopPrice }),
    };
    const replace = (): BrokerageAnswer => ({
      kind: 'order',
      order: this.show(this.exchange.replace(account, at.brokerageOrderId, changes, this.#clock.now)),
    });
    this.#call({ account, on: 'replace', symbol }, replace, answer);
  }

  cancel(brokerageOrderId: string, symbol: string, answer: Answered): void {
    const cancel = (): BrokerageAnswer => {
      this.exchange.cancel(account, brokerageOrderId, this.#clock.now);
      return { kind: 'done' };
    };
    this.#call({ account, on: 'cancel', symbol }, cancel, answer);
  }

  /** The order by our name or by the brokerage's id. */
  lookUp(by: { readonly clientOrderId: string } | { readonly brokerageOrderId: string }, answer: Answered): void {
    const lookUp = (): BrokerageAnswer => {
      const order =
        'clientOrderId' in by
          ? this.exchange.orderByClientId(account, by.clientOrderId)
          : this.exchange.order(account, by.brokerageOrderId);
      return { kind: 'order', order: this.show(order) };
    };
    this.#call({ account, on: 'read' }, lookUp, answer);
  }

  /** All executions in force of an order; undefined if there is no answer. */
  executionsOf(brokerageOrderId: string, answer: (executions: readonly BrokerageExecution[] | undefined) => void): void {
    let executions: readonly BrokerageExecution[] | undefined;
    const list = (): BrokerageAnswer => {
      executions = this.executions.get(brokerageOrderId) ?? [];
      return { kind: 'done' };
    };
    this.#call({ account, on: 'read' }, list, ({ kind }) => answer(kind === 'done' ? executions : undefined));
  }

  /** Orders changed since `since`, and open ones, as its lists would show them. */
  brokerageSweep(since: number, answer: (listed: Listed | undefined) => void): void {
    let listed: Listed | undefined;
    const sweep = (): BrokerageAnswer => {
      const changed = [...new Set(this.#changes.slice(since))].map((id) => ({
        order: this.show(this.exchange.order(account, id)),
        executions: this.executions.get(id) ?? [],
      }));
      const open = this.exchange.orders(account, { status: 'open', limit: Number.MAX_SAFE_INTEGER });
      listed = { changed, open: new Set(open.map(({ clientOrderId }) => clientOrderId)), until: this.#changes.length };
      return { kind: 'done' };
    };
    this.#call({ account, on: 'read' }, sweep, ({ kind }) => answer(kind === 'done' ? listed : undefined));
  }

  /** An order as the brokerage shows it. */
  show(order: ExchangeOrder): BrokerageOrder {
    const known = this.#shown.get(order);
    if (known) return known;
    const shown = shownOf(order);
    this.#shown.set(order, shown);
    return shown;
  }

  #call(occasion: Occasion, perform: () => BrokerageAnswer, answer: Answered): void {
    const { slowest, timeout, stragglers, lateRequests } = this.faults;
    let isAnswered = false;
    const once = (result: BrokerageAnswer): void => {
      if (isAnswered) return;
      isAnswered = true;
      answer(result);
    };
    const travel = (): number => this.#chance.whole(1, slowest);
    if (this.awayUntil > this.#clock.now)
      return this.#clock.in(travel(), () => once({ kind: 'unsent', reason: 'no connection' }));
    const isLate = this.#chance.happens(lateRequests);
    this.#clock.in(isLate ? timeout + this.#chance.whole(0, stragglers) : travel(), () => {
      const result = this.#arrive(occasion, perform);
      if (result && !isLate) this.#clock.in(travel(), () => once(result));
      else if (!isLate) this.#clock.in(timeout, () => once({ kind: 'unknown', reason: 'no answer' }));
    });
    if (isLate) this.#clock.in(timeout, () => once({ kind: 'unknown', reason: 'no answer' }));
  }

  /** The brokerage's answer; undefined if request or reply is lost. */
  #arrive({ on }: Occasion, perform: () => BrokerageAnswer): BrokerageAnswer | undefined {
    const { lostRequests, lostReplies, busy, failing, failingAfter } = this.faults;
    const happens = (share: number): boolean => this.#chance.happens(share);
    if (happens(lostRequests)) return undefined;
    if (happens(busy)) return { kind: 'unsent', reason: '429', retryAfterMs: 100 };
    if (happens(failing)) return { kind: 'unknown', reason: '500' };
    const result = performed(perform);
    if (on !== 'read') {
      // The exchange acts a moment after the request, like the server.
      this.#clock.in(this.#chance.whole(0, 5), () => {
        this.exchange.work(this.#clock.now);
        this.#tell();
      });
    }
    if (happens(lostReplies)) return undefined;
    return happens(failingAfter) ? { kind: 'unknown', reason: '500' } : result;
  }

  /** Resumes a paused order. */
  #resume(): void {
    const [id] = this.#paused;
    if (id === undefined) return;
    this.#paused.delete(id);
    const order = this.exchange.order(account, id);
    if (order.status === 'suspended' || order.status === 'done_for_day') this.exchange.resume(account, id, this.#clock.now);
  }

  /** Another client uses our login. */
  #tradeElsewhere(): void {
    this.#foreign += 1;
    const clientOrderId = `by-hand-${this.#foreign}`;
    const terms = { side: 'buy', type: 'limit', timeInForce: 'day', qty: '1', limitPrice: '1' } as const;
    this.exchange.submit(account, { clientOrderId, symbol: 'KO', ...terms }, this.#clock.now);
  }

  /** The stream: late, and sometimes lost, duplicated or reordered; independently for each reader. */
  #tell(): void {
    for (const update of this.exchange.takeUpdates()) {
      const { order } = update;
      this.#changes.push(order.id);
      if (order.countsFromZero && this.#carriesFills) this.beyond.add(order.clientOrderId);
      if (order.status === 'suspended' || order.status === 'done_for_day') this.#paused.add(order.id);
      const report = reportOf(update);
      if (report) this.#keep(order, report);
      const told: BrokerageUpdate = { event: update.event, order: this.show(order), ...(report && { report }) };
      for (const reader of this.#readers) this.#send(reader, told);
    }
  }

  #keep(order: ExchangeOrder, report: ExecutionReport): void {
    const { id: orderId } = order;
    const before = this.executions.get(orderId) ?? [];
    if (report.kind === 'trade') {
      const isOver = order.status === 'filled' ? compare(order.filledQty, order.qty) > 0 : !isOpen(order);
      if (isOver) this.beyond.add(order.clientOrderId);
      this.#amendLater({ orderId, id: report.execution.brokerageExecutionId }, this.faults.amended);
      return void this.executions.set(orderId, [...before, report.execution]);
    }
    const { executionId } = report.previous;
    const amended = before.flatMap((each) => {
      if (each.executionId !== executionId) return [each];
      if (report.kind === 'bust') return [];
      const { quantity, price } = report.execution;
      return [{ ...each, quantity, price }];
    });
    this.executions.set(orderId, amended);
  }

  #send(reader: { readonly hear: Hear; freeAt: number }, update: BrokerageUpdate): void {
    const { slowest, lostUpdates, repeatedUpdates, shuffledUpdates } = this.faults;
    const { now } = this.#clock;
    if (this.awayUntil > now || this.#chance.happens(lostUpdates)) return;
    const arrives = now + this.#chance.whole(1, slowest);
    if (this.#chance.happens(shuffledUpdates)) return this.#clock.at(arrives + slowest, () => reader.hear(update));
    reader.freeAt = Math.max(reader.freeAt, arrives);
    this.#clock.at(reader.freeAt, () => reader.hear(update));
    if (this.#chance.happens(repeatedUpdates)) this.#clock.in(3 * slowest, () => reader.hear(update));
  }
}

/** Receives the result of a call. */
export type Answered = (answer: BrokerageAnswer) => void;

/** The brokerage's ids of an execution and its order. */
interface Standing {
  readonly orderId: string;
  readonly id: string;
}

/** Faults of the exchange itself, each with this probability. */
export function scriptFaults(exchange: Exchange, share: number): void {
  const kinds = [
    ...(['reject', 'partial-then-cancel-race', 'cancel-rejected', 'fill-after-cancel', 'replace-rejected'] as const),
    ...(['fill-before-replace', 'suspend', 'done-for-day', 'overfill', 'replace-counts-from-zero'] as const),
  ];
  for (const kind of kinds) exchange.faults.add({ id: kind, kind, times: Number.MAX_SAFE_INTEGER, probability: share });
}

/** Whether the brokerage may still trade an order. */
export const isOpenThere = isOpen;

function performed(perform: () => BrokerageAnswer): BrokerageAnswer {
  try {
    return withoutStack(perform);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status === 404) return { kind: 'absent' };
    if (error.code === 40010001 && error.message.includes('client_order_id')) return { kind: 'duplicate' };
    return { kind: 'refused', code: String(error.code), reason: error.message };
  }
}

const statuses: Readonly<Record<ExchangeOrder['status'], BrokerageStatus>> = {
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

const shownOf = (order: ExchangeOrder): BrokerageOrder => ({
  brokerageOrderId: order.id,
  clientOrderId: order.clientOrderId,
  symbol: order.symbol,
  side: order.side,
  status: statuses[order.status],
  brokerageStatus: order.status,
  quantity: order.qty,
  filledQuantity: order.filledQty,
  submittedAt: timeOf(order.submittedAt),
  ...(order.replaces !== undefined && { replaces: order.replaces }),
  ...(order.replacedBy !== undefined && { replacedBy: order.replacedBy }),
});

function reportOf({ event, order, execution, at }: Update): ExecutionReport | undefined {
  if (!execution) return undefined;
  const { id, qty: quantity, price, previousId } = execution;
  const report = {
    ...nameOf(id),
    brokerageOrderId: order.id,
    quantity,
    price,
    executedAt: timeOf(at),
  };
  if (previousId === undefined) return { kind: 'trade', execution: report };
  const previous = nameOf(previousId);
  if (event === 'trade_correct') return { kind: 'correction', execution: report, previous };
  return { kind: 'bust', brokerageExecutionId: id, previous };
}

const nameOf = (id: string) => ({ executionId: executionIdFor(brokerage, id), brokerageExecutionId: id });

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
