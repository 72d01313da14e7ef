import { compare, larger, subtract, sum, zero, type Decimal } from '@tradecore/money';
import { Book } from './book.ts';
import { checkReplace, checkTerms, positive, priceOf } from './checks.ts';
import { Faults, type Fault, type FaultKind, type Occasion } from './faults.ts';
import { Floor } from './floor.ts';
import { listing, type Instrument } from './instruments.ts';
import { Ledger, valueOf, type CashRow, type HoldingRow } from './ledger.ts';
import { Market, type Quote } from './market.ts';
import { holdOf } from './matching.ts';
import { pick } from './pick.ts';
import { Random } from './random.ts';
import { impossible, malformed, notFound } from './refusal.ts';
import { alwaysOpen, type Session } from './session.ts';
import { Table, type Change } from './table.ts';
import {
  isOpen,
  type OrderRequest,
  type ReplaceRequest,
  type Update,
  type VenueExecution,
  type ExchangeOrder,
} from './exchange-order.ts';

export type { Quote } from './market.ts';

/** Options of an exchange. */
export interface ExchangeOptions {
  /** Seed of everything random: prices, sizes of fills, likelihood of faults. */
  readonly seed: number;
  readonly session?: Session;
  /** Probability that an execution takes only a part of what is left, 0 to 1; default 0.2. */
  readonly partialFills?: number;
  /** Prices move by themselves; default true. */
  readonly walks?: boolean;
  /** A replacement carries over the fills of the order that it replaces; default true. */
  readonly replaceCarriesFills?: boolean;
  /** Ids of orders and executions; by default from the seed, so that they repeat with it. */
  readonly newId?: () => string;
  /** Closed orders beyond this age or number are forgotten; default 7 days, 50,000 orders (100 MB). */
  readonly keepClosedMs?: number;
  readonly keepClosed?: number;
  /** Changed rows are kept for `takeChanges`; default false. */
  readonly tracked?: boolean;
}

/** An account with its totals. */
export interface AccountView extends CashRow {
  /** Money that a new buy may hold. */
  readonly power: Decimal;
  /** Value of its shares at the last prices. */
  readonly longValue: Decimal;
}

/** Shares of one symbol with their last price. */
export interface PositionView extends HoldingRow {
  readonly price: Decimal;
}

/** Which orders are listed: newest first unless `ascending`, at most `limit` (50). */
export interface OrderQuery {
  readonly status?: 'open' | 'closed' | 'all' | undefined;
  readonly symbols?: readonly string[] | undefined;
  readonly side?: 'buy' | 'sell' | undefined;
  /** Submitted after and before these times, milliseconds since 1970. */
  readonly after?: number | undefined;
  readonly until?: number | undefined;
  readonly ascending?: boolean | undefined;
  readonly limit?: number | undefined;
}

/** Which executions are listed: newest first unless `ascending`, at most `limit`, after the execution `past`. */
export interface ExecutionQuery {
  readonly after?: number | undefined;
  readonly until?: number | undefined;
  readonly ascending?: boolean | undefined;
  readonly limit?: number | undefined;
  readonly past?: string | undefined;
}

/**
 * A stock exchange and a broker's books in memory: no clock, no I/O; the caller gives the time of every step. A request
 * is checked and answered at once; its effects happen in `work` (requests) and `tick` (the market), and `takeUpdates`
 * returns them.
 */
export class Exchange {
  readonly faults: Faults;
  readonly session: Session;
  readonly #market: Market;
  readonly #ledger: Ledger;
  readonly #book: Book;
  readonly #floor: Floor;
  readonly #random: Random;
  readonly #newId: () => string;
  readonly #walks: boolean;
  readonly #carriesFills: boolean;
  readonly #meta: Table<{ random: number; sequence: number }>;

  constructor(options: ExchangeOptions) {
    const { seed, session = alwaysOpen, partialFills = 0.2, walks = true, tracked = false } = options;
    this.session = session;
    this.#random = new Random(seed);
    this.#newId = options.newId ?? (() => this.#random.uuid());
    this.#walks = walks;
    this.#carriesFills = options.replaceCarriesFills ?? true;
    this.faults = new Faults(this.#random);
    this.#market = new Market(listing, this.#random, tracked);
    this.#ledger = new Ledger(tracked);
    const retention = { closedMs: options.keepClosedMs ?? 7 * 24 * 3_600_000, closedCount: options.keepClosed ?? 50_000 };
    this.#book = new Book(tracked, retention);
    this.#meta = new Table('meta', tracked);
    const parts = { market: this.#market, ledger: this.#ledger, book: this.#book, faults: this.faults, random: this.#random };
    this.#floor = new Floor({ ...parts, session, partialFills, newId: this.#newId });
  }

  /** Opens an account with money; does nothing if it is open. */
  open(account: string, money: string, now: number): void {
    this.#ledger.open(account, positive('cash', money), now);
  }

  /** Accepts an order as `pending_new`. Throws `Refusal`, as Alpaca words it. */
  submit(account: string, request: OrderRequest, now: number): ExchangeOrder {
    const instrument = this.#tradable(request.symbol);
    const terms = checkTerms(request, instrument, this.session.isOpen(now));
    this.#checkClientId(account, request.clientOrderId);
    const { symbol, clientOrderId } = request;
    const order = { ...terms, id: this.#newId(), account, symbol, clientOrderId, filledQty: zero, filledValue: zero };
    const hold = holdOf(order, this.quote(symbol).price);
    this.#ledger.check(order, order.qty, hold);
    this.#ledger.rehold(order, zero, hold);
    return this.#take({ ...order, hold, ...this.#fresh(terms.timeInForce, now) });
  }

  /** Accepts a replacement as `pending_new`; the old order is `pending_replace` and holds the larger of both needs. */
  replace(account: string, id: string, changes: ReplaceRequest, now: number): ExchangeOrder {
    const before = this.order(account, id);
    const terms = checkReplace(before, changes, this.#tradable(before.symbol));
    this.#checkClientId(account, changes.clientOrderId);
    const { symbol, triggered } = before;
    const sized = { ...terms, account, symbol, ...this.#carriedOver(before) };
    const need = holdOf(sized, this.quote(symbol).price);
    const hold = larger(need, before.hold);
    if (hold !== before.hold) this.#ledger.check(before, terms.qty, subtract(hold, before.hold));
    this.#ledger.rehold(before, before.hold, hold);
    const waiting = this.#book.put({ ...before, hold, status: 'pending_replace', updatedAt: now });
    this.#floor.tell({ event: 'pending_replace', at: now, order: waiting });
    const { clientOrderId } = changes;
    const fresh = this.#fresh(terms.timeInForce, now);
    return this.#take({ ...sized, ...fresh, id: this.#newId(), clientOrderId, replaces: id, hold: zero, triggered });
  }

  /**
   * Requests a cancel: the order is `pending_cancel`. Throws `Refusal` 404, or 422 if closed or a change is pending.
   */
  cancel(account: string, id: string, now: number): void {
    const order = this.order(account, id);
    if (!isOpen(order)) throw impossible(`order is already in "${order.status}" state`);
    const isReplacement = order.status === 'pending_new' && order.replaces !== undefined;
    if (order.status.startsWith('pending_') && (order.status !== 'pending_new' || isReplacement)) {
      throw impossible(`order is in "${order.status}" state`);
    }
    this.#floor.change(order, { status: 'pending_cancel' }, now, 'pending_cancel');
    this.#floor.ask(id);
  }

  /** Resumes an order that was done for the day or suspended. Throws `Refusal` 404, or 422 if it was neither. */
  resume(account: string, id: string, now: number): void {
    const order = this.order(account, id);
    if (order.status !== 'done_for_day' && order.status !== 'suspended') throw impossible(`order is in "${order.status}" state`);
    this.#floor.resume(order, now);
  }

  /** Carries out requests: acknowledges, matches, cancels, replaces. */
  work(now: number): void {
    this.#floor.work(now);
  }

  /**
   * One market step: moves prices, matches resting orders, expires `day` orders after their day, forgets old orders.
   */
  tick(now: number): void {
    if (this.#walks) this.#market.walk(now);
    else this.#market.confirm(now);
    this.#floor.work(now);
    this.#floor.sweep(now);
    this.#book.prune(now);
  }

  /** All updates since the last call, in order. */
  takeUpdates(): Update[] {
    return this.#floor.takeUpdates();
  }

  /** The order; `Refusal` 404 if the account has none with that id. */
  order(account: string, id: string): ExchangeOrder {
    const order = this.#book.of(account, id);
    if (!order) throw notFound(`order not found for ${id}`);
    return order;
  }

  /** The order with that client order id; `Refusal` 404. */
  orderByClientId(account: string, clientOrderId: string): ExchangeOrder {
    const order = this.#book.byClientId(account, clientOrderId);
    if (!order) throw notFound(`order not found for ${clientOrderId}`);
    return order;
  }

  /** The account's orders that match the query. */
  orders(account: string, query: OrderQuery = {}): ExchangeOrder[] {
    const { status = 'open', symbols, side, until = Infinity, limit = 50 } = query;
    const fits = (order: ExchangeOrder): boolean =>
      (status !== 'closed' || !isOpen(order)) &&
      (symbols === undefined || symbols.includes(order.symbol)) &&
      (side === undefined || order.side === side) &&
      order.submittedAt < until;
    const asked = status === 'open' ? this.#book.openOf(account) : this.#book.ordersOf(account);
    return pick(asked, { ...query, limit, fits, at: ({ submittedAt }) => submittedAt });
  }

  /** The account's executions that match the query, without busted ones; by default all, oldest first. */
  executions(account: string, query: ExecutionQuery = {}): VenueExecution[] {
    const { until = Infinity, ascending = true, past } = query;
    if (past !== undefined && !this.#book.executions.get(past)) throw malformed('invalid page_token');
    const fits = ({ busted, at }: VenueExecution): boolean => !busted && at < until;
    return pick(this.#book.executionsOf(account), { ...query, ascending, fits, at: ({ at }) => at });
  }

  /** Busts an execution. `Refusal` 404 if there is none. */
  bust(executionId: string, now: number): void {
    this.#floor.amend(this.#execution(executionId), undefined, now);
  }

  /** Corrects an execution's figures; `qty` must not exceed the original. */
  correct(
    executionId: string,
    figures: { readonly qty?: string | undefined; readonly price?: string | undefined },
    now: number,
  ): void {
    const execution = this.#execution(executionId);
    const qty = figures.qty === undefined ? execution.qty : positive('qty', figures.qty);
    if (compare(qty, execution.qty) > 0) throw impossible('qty must not exceed the original quantity');
    const price = figures.price === undefined ? execution.price : positive('price', figures.price);
    this.#floor.amend(execution, { qty, price }, now);
  }

  /** The account's figures; `Refusal` 404. */
  account(id: string): AccountView {
    const longValue = sum(this.positions(id).map(({ qty, price }) => valueOf(qty, price)));
    return { ...this.#ledger.account(id), power: this.#ledger.power(id), longValue };
  }

  /** The account's shares, by symbol. */
  positions(account: string): PositionView[] {
    return [...this.#ledger.holdings.values()]
      .filter((holding) => holding.account === account && holding.qty !== zero)
      .sort((a, b) => (a.symbol < b.symbol ? -1 : 1))
      .map((holding) => ({ ...holding, price: this.quote(holding.symbol).price }));
  }

  /** All listed instruments. */
  get instruments(): readonly Instrument[] {
    return this.#market.instruments;
  }

  /** The last price; `Refusal` 404 for a symbol that is not listed. */
  quote(symbol: string): Quote {
    const quote = this.#market.quote(symbol);
    if (!quote) throw notFound(`asset not found for ${symbol}`);
    return quote;
  }

  /** Sets a symbol's price, or whether it is halted. */
  setQuote(
    symbol: string,
    set: { readonly price?: string | undefined; readonly halted?: boolean | undefined },
    now: number,
  ): void {
    this.quote(symbol);
    const { price, halted } = set;
    const priced = price !== undefined && { price: priceOf('price', price) };
    this.#market.set(symbol, { ...priced, ...(halted !== undefined && { halted }) }, now);
  }

  /** The fault of one of these kinds that applies now, by script or by symbol; undefined if there is none. */
  fault(kinds: readonly FaultKind[], occasion: Occasion): Pick<Fault, 'kind' | 'ms'> | undefined {
    const scripted = this.faults.take(kinds, occasion);
    if (scripted || occasion.symbol === undefined || (occasion.on ?? 'submit') !== 'submit') return scripted;
    const own = this.#market.instrument(occasion.symbol)?.fault;
    return own !== undefined && kinds.includes(own) ? { kind: own } : undefined;
  }

  /** The rows changed since the last call, if `tracked`. Prices only on request: they change all the time. */
  takeChanges(prices: boolean): Change[] {
    const changes = this.#tables.flatMap((table) => table.takeChanges());
    if (!prices && changes.length === 0) return [];
    this.#meta.put('exchange', { random: this.#random.state, sequence: this.#floor.sequence });
    return [...changes, ...(prices ? this.#market.quotes.takeChanges() : []), ...this.#meta.takeChanges()];
  }

  /** How many orders may still trade. */
  get openCount(): number {
    return this.#book.openCount;
  }

  /** The books: money, shares, orders, executions, each table in the order of its keys. */
  books(): Change[] {
    return this.#tables.flatMap((table) => table.rows());
  }

  get #tables() {
    return [this.#ledger.cash, this.#ledger.holdings, this.#book.orders, this.#book.executions];
  }

  /** Restores stored rows, once, before anything else. Quotes of symbols that are no longer listed are ignored. */
  restore(rows: readonly Required<Change>[]): void {
    const of = <Row>(table: string): [string, Row][] =>
      rows.filter((each) => each.table === table).map(({ key, row }) => [key, row as Row]);
    for (const { table, row } of rows) this.#checkListed(table, row);
    for (const [key, row] of of<CashRow>('cash')) this.#ledger.cash.restore(key, row);
    for (const [key, row] of of<HoldingRow>('holdings')) this.#ledger.holdings.restore(key, row);
    for (const [key, row] of of<never>('quotes')) if (this.#market.instrument(key)) this.#market.quotes.restore(key, row);
    const values = <Row>(table: string): Row[] => of<Row>(table).map(([, row]) => row);
    this.#book.restore(values<ExchangeOrder>('orders'), values<VenueExecution>('executions'));
    for (const { random, sequence } of values<{ random: number; sequence: number }>('meta')) {
      this.#random.restore(random);
      this.#floor.restore(sequence);
    }
  }

  /** A symbol that is held or ordered must be listed; a stored price alone may be dropped. */
  #checkListed(table: string, row: unknown): void {
    const { symbol } = row as { symbol?: string };
    if (table === 'quotes' || symbol === undefined || this.#market.instrument(symbol)) return;
    throw new Error(`the stored state contains ${symbol}, which is not listed`);
  }

  #take(order: ExchangeOrder): ExchangeOrder {
    this.#floor.ask(order.id);
    return this.#book.put(order);
  }

  #fresh(timeInForce: ExchangeOrder['timeInForce'], now: number) {
    const ends = timeInForce === 'day' && { expiresAt: this.session.nextClose(now) };
    return { status: 'pending_new' as const, triggered: false, submittedAt: now, updatedAt: now, ...ends };
  }

  /** The fills that a replacement starts with. */
  #carriedOver({ account, symbol, filledQty, filledValue }: ExchangeOrder) {
    const isFresh = !this.#carriesFills || this.faults.take(['replace-counts-from-zero'], { account, symbol, on: 'replace' });
    return isFresh ? { filledQty: zero, filledValue: zero, countsFromZero: true } : { filledQty, filledValue };
  }

  #tradable(symbol: string): Instrument {
    const instrument = this.#market.instrument(symbol);
    if (!instrument) throw impossible(`asset "${symbol}" not found`);
    if (this.quote(symbol).halted) throw impossible(`asset "${symbol}" is not tradable`);
    return instrument;
  }

  #checkClientId(account: string, clientOrderId: string): void {
    if (this.#book.byClientId(account, clientOrderId)) throw malformed('client_order_id must be unique');
  }

  #execution(id: string): VenueExecution {
    const execution = this.#book.executions.get(id);
    if (!execution || execution.busted) throw notFound(`execution not found for ${id}`);
    return execution;
  }
}
