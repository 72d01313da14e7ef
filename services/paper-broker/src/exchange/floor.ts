import { add, compare, negate, subtract, zero, type Decimal } from '@tradecore/money';
import type { Book } from './book.ts';
import type { FaultKind, Faults } from './faults.ts';
import { fillLot, type Instrument } from './instruments.ts';
import { valueOf, type Ledger } from './ledger.ts';
import type { Market, Quote } from './market.ts';
import { holdOf, isMarketable, isTriggered, leavesOf, partOf, restingStatus, sizeNow, statusAfterFill } from './matching.ts';
import type { Random } from './random.ts';
import type { Session } from './session.ts';
import { isOpen, type Update, type UpdateEvent, type VenueExecution, type ExchangeOrder } from './exchange-order.ts';

/** Dependencies of the floor. */
export interface FloorParts {
  readonly market: Market;
  readonly ledger: Ledger;
  readonly book: Book;
  readonly faults: Faults;
  readonly random: Random;
  readonly session: Session;
  readonly partialFills: number;
  readonly newId: () => string;
}

type Patch = Partial<Omit<ExchangeOrder, 'id' | 'account' | 'hold' | 'updatedAt'>>;

const trading: ReadonlySet<ExchangeOrder['status']> = new Set(['new', 'partially_filled', 'suspended']);

/** Works orders: acknowledges, matches, cancels, replaces and expires them, and records an update for each step. */
export class Floor {
  /** Orders with a pending request. */
  readonly #arrived = new Set<string>();
  /** Ended orders that a script lets trade once more, and how much: half of a cancelled one, a lot of a filled one. */
  readonly #extra = new Map<string, (order: ExchangeOrder) => Decimal>();
  #updates: Update[] = [];
  #sequence = 0;

  constructor(private readonly parts: FloorParts) {}

  /** All updates since the last call, in order. */
  takeUpdates(): Update[] {
    const updates = this.#updates;
    this.#updates = [];
    return updates;
  }

  /** Number of executions so far. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Continues after `sequence` executions, with the orders that wait for an answer. */
  restore(sequence: number): void {
    this.#sequence = sequence;
    for (const { id, status } of this.parts.book.open())
      if (status === 'pending_new' || status === 'pending_cancel') this.ask(id);
  }

  /** Queues a request for the order: the next `work` carries it out. */
  ask(id: string): void {
    this.#arrived.add(id);
  }

  /** Carries out requests: acknowledges and matches new orders, cancels, replaces. */
  work(now: number): void {
    for (const id of [...this.#arrived]) {
      this.#arrived.delete(id);
      const order = this.parts.book.orders.get(id);
      if (order?.status === 'pending_cancel') this.#cancel(order, now);
      else if (order?.status === 'pending_new' && order.replaces !== undefined) this.#replace(order, now);
      else if (order?.status === 'pending_new') this.#acknowledge(order, now);
    }
  }

  /** Expires orders whose day is over and matches the other open orders at current prices; then makes late fills. */
  sweep(now: number): void {
    for (const order of this.parts.book.open()) {
      if (order.expiresAt !== undefined && order.expiresAt <= now) this.#expire(order, now);
      else this.#trade(order, now);
    }
    for (const [id, qtyOf] of [...this.#extra]) {
      this.#extra.delete(id);
      const order = this.parts.book.orders.get(id);
      if (order) this.execute(order, qtyOf(order), now);
    }
  }

  /** Resumes an order that was done for the day or suspended. */
  resume(order: ExchangeOrder, now: number): void {
    this.#trade(this.change(order, { status: restingStatus(order) }, now, 'new'), now);
  }

  /** Stores the changed order and its hold, and records the update. */
  change(order: ExchangeOrder, patch: Patch, now: number, event?: UpdateEvent): ExchangeOrder {
    const { ledger, book } = this.parts;
    const next = { ...order, ...patch, updatedAt: now };
    const hold = isOpen(next) ? holdOf(next, this.#quote(next).price) : zero;
    ledger.rehold(order, order.hold, hold);
    const stored = book.put({ ...next, hold });
    if (event) this.tell({ event, at: now, order: stored });
    return stored;
  }

  tell(update: Update): void {
    this.#updates.push(update);
  }

  /** Trades a quantity of the order at the last price, or at its limit if the last price is worse. */
  execute(order: ExchangeOrder, qty: Decimal, now: number): ExchangeOrder {
    const { ledger, book, newId } = this.parts;
    const price = this.#priceOf(order);
    const filledQty = add(order.filledQty, qty);
    const leavesQty = subtract(order.qty, filledQty);
    const positionQty = ledger.trade(order, qty, price);
    const { account, symbol, side } = order;
    this.#sequence += 1;
    const execution: VenueExecution = {
      ...{ id: newId(), sequence: this.#sequence, orderId: order.id, account, symbol, side },
      ...{ qty, price, at: now, cumQty: filledQty, leavesQty, busted: false },
    };
    book.putExecution(execution);
    const status = statusAfterFill(order, filledQty);
    const filledValue = add(order.filledValue, valueOf(qty, price));
    const ended = leavesQty === zero && { filledAt: now };
    const changed = this.change(order, { filledQty, filledValue, status, ...ended }, now);
    const event = leavesQty === zero ? 'fill' : 'partial_fill';
    this.tell({ event, at: now, order: changed, execution: { id: execution.id, qty, price, positionQty } });
    return changed;
  }

  /** Busts an execution, or corrects its figures. */
  amend(execution: VenueExecution, to: { qty: Decimal; price: Decimal } | undefined, now: number): void {
    const { ledger, book, newId } = this.parts;
    const order = book.orders.get(execution.orderId) as ExchangeOrder;
    ledger.trade(order, negate(execution.qty), execution.price);
    const after = to ?? { qty: zero, price: execution.price };
    const positionQty = ledger.trade(order, after.qty, after.price);
    const more = subtract(after.qty, execution.qty);
    const value = subtract(valueOf(after.qty, after.price), valueOf(execution.qty, execution.price));
    book.putExecution(to ? { ...execution, ...to } : { ...execution, busted: true });
    const changed = this.#amendOrder(order, more, value, now);
    this.#amendReplacements(changed, more, value, now);
    const told = to ?? { qty: execution.qty, price: execution.price };
    const event = to ? 'trade_correct' : 'trade_bust';
    this.tell({ event, at: now, order: changed, execution: { id: newId(), ...told, positionQty, previousId: execution.id } });
  }

  /** Amends the replacements that carry its fills. */
  #amendReplacements({ replacedBy }: ExchangeOrder, more: Decimal, value: Decimal, now: number): void {
    const next = replacedBy === undefined ? undefined : this.parts.book.orders.get(replacedBy);
    if (next && !next.countsFromZero) this.#amendReplacements(this.#amendOrder(next, more, value, now), more, value, now);
  }

  #amendOrder(order: ExchangeOrder, more: Decimal, value: Decimal, now: number): ExchangeOrder {
    const { filledQty, filledValue } = order;
    return this.change(order, { filledQty: add(filledQty, more), filledValue: add(filledValue, value) }, now);
  }

  /** Whether a fault of this kind applies to the order now, by script or by symbol. */
  #meets(kind: FaultKind, { account, symbol }: ExchangeOrder): boolean {
    if (this.parts.faults.take([kind], { account, symbol })) return true;
    return this.#instrument(symbol).fault === kind;
  }

  #acknowledge(order: ExchangeOrder, now: number): void {
    if (this.#meets('reject', order)) return void this.change(order, { status: 'rejected', failedAt: now }, now, 'rejected');
    const accepted = this.change(order, { status: restingStatus(order) }, now, 'new');
    if (this.#meets('suspend', order)) return void this.change(accepted, { status: 'suspended' }, now, 'suspended');
    if (this.#meets('done-for-day', order)) return void this.change(accepted, { status: 'done_for_day' }, now, 'done_for_day');
    this.#trade(accepted, now);
  }

  #cancel(order: ExchangeOrder, now: number): void {
    if (this.#meets('cancel-rejected', order)) return this.#fillInstead(order, now, 'order_cancel_rejected');
    const rest = this.#meets('partial-then-cancel-race', order) ? this.#executePart(order, now) : order;
    this.#end(rest, 'canceled', now);
    if (this.#meets('fill-after-cancel', order)) this.#extra.set(order.id, (late) => this.#some(late));
  }

  #replace(replacement: ExchangeOrder, now: number): void {
    const { book } = this.parts;
    const before = book.orders.get(replacement.replaces as string) as ExchangeOrder;
    if (this.#meets('fill-before-replace', before)) return this.#refuseReplace(replacement, this.#fill(before, now), now);
    if (this.#meets('replace-rejected', before)) return this.#refuseReplace(replacement, before, now);
    const { filledQty, filledValue } = replacement.countsFromZero ? replacement : before;
    this.change(before, { status: 'replaced', replacedBy: replacement.id, replacedAt: now }, now, 'replaced');
    const carried = { filledQty, filledValue, status: restingStatus({ filledQty }) };
    this.#trade(this.change(replacement, carried, now, 'new'), now);
  }

  #refuseReplace(replacement: ExchangeOrder, before: ExchangeOrder, now: number): void {
    const status = isOpen(before) ? restingStatus(before) : before.status;
    this.change(before, { status }, now, 'order_replace_rejected');
    this.change(replacement, { status: 'rejected', failedAt: now }, now, 'rejected');
  }

  #fillInstead(order: ExchangeOrder, now: number, event: UpdateEvent): void {
    const filled = this.#fill(order, now);
    this.change(filled, {}, now, event);
  }

  #fill = (order: ExchangeOrder, now: number): ExchangeOrder => this.execute(order, leavesOf(order), now);

  #executePart(order: ExchangeOrder, now: number): ExchangeOrder {
    const part = partOf(order, 0.5, fillLot(this.#instrument(order.symbol)));
    return part === zero ? order : this.execute(order, part, now);
  }

  /** Half of what is left in whole lots, or all of it if that is less than a lot. */
  #some(order: ExchangeOrder): Decimal {
    const part = partOf(order, 0.5, fillLot(this.#instrument(order.symbol)));
    return part === zero ? leavesOf(order) : part;
  }

  #expire(order: ExchangeOrder, now: number): void {
    if (order.status === 'pending_new' || order.status === 'pending_cancel' || order.status === 'pending_replace') return;
    this.#end(order, 'expired', now);
  }

  #end(order: ExchangeOrder, status: 'canceled' | 'expired', now: number): void {
    this.change(order, { status, ...(status === 'canceled' ? { canceledAt: now } : { expiredAt: now }) }, now, status);
  }

  /** One attempt to trade an order: fills what the market takes; `ioc` and `fok` orders end here. */
  #trade(order: ExchangeOrder, now: number): void {
    if (!trading.has(order.status)) return;
    const { price, halted } = this.#quote(order);
    const met = halted || !this.parts.session.isOpen(now) ? order : this.#match(this.#trigger(order, price, now), price, now);
    const isImmediate = order.timeInForce === 'ioc' || order.timeInForce === 'fok';
    if (isImmediate && isOpen(met)) this.#end(met, 'canceled', now);
  }

  #trigger(order: ExchangeOrder, price: Decimal, now: number): ExchangeOrder {
    const isNews = order.stopPrice !== undefined && !order.triggered && isTriggered(order, price);
    return isNews ? this.change(order, { triggered: true }, now) : order;
  }

  #match(order: ExchangeOrder, price: Decimal, now: number): ExchangeOrder {
    if (!isMarketable(order, price)) return order;
    const { random, partialFills } = this.parts;
    const lot = fillLot(this.#instrument(order.symbol));
    const met = this.execute(order, sizeNow(order, { random, partialFills, lot }), now);
    if (met.status === 'filled' && this.#meets('overfill', met)) this.#extra.set(met.id, () => lot);
    return met;
  }

  #priceOf(order: ExchangeOrder): Decimal {
    const { price } = this.#quote(order);
    const { limitPrice, side } = order;
    if (limitPrice === undefined) return price;
    const isWorse = side === 'buy' ? compare(price, limitPrice) > 0 : compare(price, limitPrice) < 0;
    return isWorse ? limitPrice : price;
  }

  #quote({ symbol }: Pick<ExchangeOrder, 'symbol'>): Quote {
    return this.parts.market.quote(symbol) as Quote;
  }

  #instrument(symbol: string): Instrument {
    return this.parts.market.instrument(symbol) as Instrument;
  }
}
