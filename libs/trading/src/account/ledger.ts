import type { Posting } from '@tradecore/events';
import { add, decimal, negate, zero, type Decimal } from '@tradecore/money';

/** What is counted: a currency or a symbol. */
export type Unit = Pick<Posting, 'kind' | 'unit'>;

/** Which book. */
export type Book = Posting['book'];

/** Money of this currency. */
export const money = (currency: string): Unit => ({ kind: 'currency', unit: currency });

/** Shares of this symbol. */
export const shares = (symbol: string): Unit => ({ kind: 'symbol', unit: symbol });

/** The lines of an entry, by book: what comes in is positive. Zero lines are left out; the caller makes them sum to zero. */
export const lines = ({ kind, unit }: Unit, amounts: Partial<Record<Book, Decimal>>): Posting[] =>
  (Object.entries(amounts) as [Book, Decimal][])
    .filter(([, amount]) => amount !== zero)
    .map(([book, amount]) => ({ book, kind, unit, amount }));

/** An amount goes from one book to another; a negative one comes back. */
export const transfer = (unit: Unit, amount: Decimal, from: Book, to: Book): Posting[] =>
  lines(unit, { [from]: negate(amount), [to]: amount });

/** What stands in each book of an account. */
export class Ledger {
  readonly #balances = new Map<string, Balance>();

  /** Adds the lines of an entry. */
  post(postings: readonly Posting[]): void {
    for (const { book, kind, unit, amount } of postings) {
      const key = `${book} ${kind} ${unit}`;
      const balance = add(this.#balances.get(key)?.amount ?? zero, decimal(amount));
      if (balance === zero) this.#balances.delete(key);
      else this.#balances.set(key, { book, kind, unit, amount: balance });
    }
  }

  /** Takes the balances of a snapshot, before anything else. */
  restore(balances: readonly Posting[]): void {
    for (const balance of balances) {
      const { book, kind, unit } = balance;
      this.#balances.set(`${book} ${kind} ${unit}`, balance as Balance);
    }
  }

  /** What stands in a book; zero where nothing does. */
  balance(book: Book, { kind, unit }: Unit): Decimal {
    return this.#balances.get(`${book} ${kind} ${unit}`)?.amount ?? zero;
  }

  /** Every balance that is not zero, as the line that would make it. */
  balances(): Posting[] {
    return [...this.#balances.values()];
  }
}

type Balance = Omit<Posting, 'amount'> & { readonly amount: Decimal };
