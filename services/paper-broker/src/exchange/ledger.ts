import { add, compare, multiply, proportion, subtract, zero, type Decimal } from '@tradecore/money';
import { insufficient, notFound } from './refusal.ts';
import { Table } from './table.ts';
import type { ExchangeOrder } from './exchange-order.ts';

/** An account's money. */
export interface CashRow {
  readonly id: string;
  readonly openedAt: number;
  readonly opened: Decimal;
  readonly cash: Decimal;
  /** The part that open buys hold. */
  readonly held: Decimal;
}

/** An account's shares of one symbol. */
export interface HoldingRow {
  readonly account: string;
  readonly symbol: string;
  readonly qty: Decimal;
  /** The part that open sells hold. */
  readonly held: Decimal;
  /** Cost of the shares, by average. */
  readonly cost: Decimal;
}

type Traded = Pick<ExchangeOrder, 'account' | 'symbol' | 'side'>;

/** Quantity times price; rounded to 9 places for fractions of a share. */
export const valueOf = (qty: Decimal, price: Decimal): Decimal => multiply(qty, price, 'halfEven');

const keyOf = (account: string, symbol: string): string => `${account}/${symbol}`;

/** The money and shares of all accounts. */
export class Ledger {
  readonly cash: Table<CashRow>;
  readonly holdings: Table<HoldingRow>;

  constructor(tracked: boolean) {
    this.cash = new Table('cash', tracked);
    this.holdings = new Table('holdings', tracked);
  }

  /** Opens an account; does nothing if it is open. */
  open(id: string, money: Decimal, now: number): void {
    if (!this.cash.get(id)) this.cash.put(id, { id, openedAt: now, opened: money, cash: money, held: zero });
  }

  /** The account's money; `Refusal` 404 if there is no account. */
  account(id: string): CashRow {
    const row = this.cash.get(id);
    if (!row) throw notFound('account not found');
    return row;
  }

  holding(account: string, symbol: string): HoldingRow {
    return this.holdings.get(keyOf(account, symbol)) ?? { account, symbol, qty: zero, held: zero, cost: zero };
  }

  /** Money that no open order holds. */
  power(account: string): Decimal {
    const { cash, held } = this.account(account);
    return subtract(cash, held);
  }

  /** Refuses what the account cannot hold in addition to its present holds. */
  check(order: Traded, qty: Decimal, more: Decimal): void {
    const { account, symbol, side } = order;
    if (side === 'buy') {
      const power = this.power(account);
      if (compare(more, power) <= 0) return;
      throw insufficient('insufficient buying power', { buying_power: power, cost_basis: more });
    }
    const holding = this.holding(account, symbol);
    const available = subtract(holding.qty, holding.held);
    if (compare(more, available) <= 0) return;
    const message = `insufficient qty available for order (requested: ${qty}, available: ${available})`;
    throw insufficient(message, {
      symbol,
      existing_qty: holding.qty,
      held_for_orders: holding.held,
      available,
      related_orders: [],
    });
  }

  /** Changes what an open order holds. */
  rehold({ account, symbol, side }: Traded, before: Decimal, after: Decimal): void {
    if (before === after) return;
    const change = subtract(after, before);
    if (side === 'buy') {
      const row = this.account(account);
      return this.cash.put(account, { ...row, held: add(row.held, change) });
    }
    const holding = this.holding(account, symbol);
    this.#put({ ...holding, held: add(holding.held, change) });
  }

  /** Books a trade: money one way, shares the other; a sale takes its share of the cost. Returns the shares left. */
  trade({ account, symbol, side }: Traded, qty: Decimal, price: Decimal): Decimal {
    const value = valueOf(qty, price);
    const row = this.account(account);
    const holding = this.holding(account, symbol);
    this.cash.put(account, { ...row, cash: side === 'buy' ? subtract(row.cash, value) : add(row.cash, value) });
    const after: Decimal = side === 'buy' ? add(holding.qty, qty) : subtract(holding.qty, qty);
    const cost = costAfter(holding, after, { side, value, price });
    this.#put({ ...holding, qty: after, cost });
    return after;
  }

  #put(row: HoldingRow): void {
    const key = keyOf(row.account, row.symbol);
    if (row.qty === zero && row.held === zero) this.holdings.delete(key);
    else this.holdings.put(key, row);
  }
}

interface TradeFigures {
  readonly side: 'buy' | 'sell';
  readonly value: Decimal;
  readonly price: Decimal;
}

/** Cost of the shares after a trade; reset when a short position begins or ends. */
function costAfter({ qty, cost }: HoldingRow, after: Decimal, { side, value, price }: TradeFigures): Decimal {
  if (compare(after, zero) <= 0) return zero;
  if (compare(qty, zero) <= 0 && compare(cost, zero) === 0) return valueOf(after, price);
  if (side === 'buy') return add(cost, value);
  return proportion(cost, after, qty, 'halfEven');
}
