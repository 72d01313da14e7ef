import type { Posting } from '@tradecore/events';
import { add, decimal, negate, zero, type Decimal } from '@tradecore/money';

/** The unit of a balance: a currency or a symbol. */
export type Unit = Pick<Posting, 'kind' | 'unit'>;

export type Book = Posting['book'];

/** Money of this currency. */
export const money = (currency: string): Unit => ({ kind: 'currency', unit: currency });

/** Shares of this symbol. */
export const shares = (symbol: string): Unit => ({ kind: 'symbol', unit: symbol });

/**
 * The lines of an entry, by book: positive comes in. Zero lines are left out; the caller makes the rest sum to zero.
 */
export const lines = ({ kind, unit }: Unit, amounts: Partial<Record<Book, Decimal>>): Posting[] =>
  (Object.entries(amounts) as [Book, Decimal][])
    .filter(([, amount]) => amount !== zero)
    .map(([book, amount]) => ({ book, kind, unit, amount }));

/** Moves an amount from one book to another; a negative one moves back. */
export const transfer = (unit: Unit, amount: Decimal, from: Book, to: Book): Posting[] =>
  lines(unit, { [from]: negate(amount), [to]: amount });

/** The balances of an account's books. */
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

  /** Restores the balances of a snapshot into an empty ledger. */
  restore(balances: readonly Posting[]): void {
    for (const balance of balances) {
      const { book, kind, unit } = balance;
      this.#balances.set(`${book} ${kind} ${unit}`, balance as Balance);
    }
  }

  /** The balance of a unit in a book; zero by default. */
  balance(book: Book, { kind, unit }: Unit): Decimal {
    return this.#balances.get(`${book} ${kind} ${unit}`)?.amount ?? zero;
  }

  /** Every non-zero balance, as the line that would make it. */
  balances(): Posting[] {
    return [...this.#balances.values()];
  }
}

type Balance = Omit<Posting, 'amount'> & { readonly amount: Decimal };
