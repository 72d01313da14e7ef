import { BaseAggregate } from '@tradecore/event-sourcing';
import {
  AccountAccessGranted,
  AccountAccessRevoked,
  AccountOpened,
  FillAlreadySettled,
  FillSettled,
  FundsDeposited,
  FundsWithdrawn,
  ReservationChanged,
  ReservationChangeRefused,
  ReservationMade,
  ReservationRefused,
  ReservationReleased,
  type AccountEvent,
  type Posting,
  type Reservation,
} from '@tradecore/events';
import { compare, decimal, isPositive, subtract, zero, type Decimal } from '@tradecore/money';
import {
  moneyAmount,
  neededFor,
  settlementOf,
  unitOf,
  useOf,
  type ReservationTerms,
  type Settlement,
} from './account-entries.ts';
import { AccountAlreadyOpened, AccountNotFound, InsufficientFunds, UnsupportedCurrency } from './account-errors.ts';
import { Ledger, money, transfer } from './ledger.ts';

/** The currencies in which accounts are kept: the one in which the market quotes. */
export const currencies = ['USD'] as const;

/** A reservation and which executions have been booked against it. */
interface Held {
  readonly reservation: Reservation;
  readonly executions: Set<string>;
}

/** The state of an account as JSON: what a snapshot holds. A change of shape raises `Account.snapshots.shape`. */
export interface AccountState {
  readonly owner?: string;
  readonly currency?: string;
  readonly name?: string;
  readonly subjects: readonly string[];
  readonly balances: readonly Posting[];
  readonly held: readonly { readonly reservation: Reservation; readonly executions: readonly string[] }[];
}

/**
 * A client's money and shares, as double entries per currency and per symbol. Clients deposit and withdraw; the saga reserves, settles and
 * releases, and each of its commands is answered by an event, a refusal too. What is held for an order is always exactly what its open shares need.
 */
export class Account extends BaseAggregate<AccountEvent> {
  static readonly type = 'Account';
  /** An account's stream grows for ever, so it is loaded from a snapshot and what came after. */
  static readonly snapshots = { every: 50, shape: 1 };

  #opened: AccountOpened['data'] | undefined;
  #subjects = new Set<string>();
  readonly #ledger = new Ledger();
  readonly #held = new Map<string, Held>();

  /**
   * Opens the account for its owner. The same terms again change nothing: no event. Throws `AccountAlreadyOpened` for other terms,
   * `UnsupportedCurrency`.
   */
  open(terms: AccountOpened['data']): void {
    if (!(currencies as readonly string[]).includes(terms.currency)) throw new UnsupportedCurrency(terms.currency, currencies);
    const { owner, currency, name } = terms;
    if (this.#opened === undefined)
      return this.apply(new AccountOpened({ owner, currency, ...(name !== undefined && { name }) }));
    const opened = this.#opened;
    const differing = (['owner', 'currency', 'name'] as const).filter((field) => opened[field] !== terms[field]);
    if (differing.length > 0) throw new AccountAlreadyOpened(this.id, differing);
  }

  /** Lets another subject (the `sub` of a token) use the account; nothing to do where it may already. */
  grantAccess(subject: string): void {
    this.#mustBeOpen();
    if (subject !== this.owner && !this.#subjects.has(subject)) this.apply(new AccountAccessGranted({ subject }));
  }

  /** Takes that back; nothing to do where it was not granted. The owner always may. */
  revokeAccess(subject: string): void {
    this.#mustBeOpen();
    if (this.#subjects.has(subject)) this.apply(new AccountAccessRevoked({ subject }));
  }

  /** Money comes in. Throws `InvalidAmount`, `AccountNotFound`. */
  deposit(amount: string, reference?: string): void {
    const { currency } = this.#mustBeOpen();
    const exact = moneyAmount(amount);
    const postings = transfer(money(currency), exact, 'outside', 'available');
    this.apply(new FundsDeposited({ amount: exact, ...(reference !== undefined && { reference }), postings }));
  }

  /** Money goes out, at most what is available. Throws `InsufficientFunds`, `InvalidAmount`, `AccountNotFound`. */
  withdraw(amount: string, reference?: string): void {
    const { currency } = this.#mustBeOpen();
    const exact = moneyAmount(amount);
    const available = this.available('currency', currency);
    if (compare(exact, available) > 0) throw new InsufficientFunds(exact, available);
    const postings = transfer(money(currency), exact, 'available', 'outside');
    this.apply(new FundsWithdrawn({ amount: exact, ...(reference !== undefined && { reference }), postings }));
  }

  /** Holds back what an order needs: `ReservationMade`, or `ReservationRefused` with the figures. An order that has a reservation keeps it. */
  reserve(terms: ReservationTerms): void {
    const held = this.#held.get(terms.orderId);
    if (held) return this.apply(new ReservationMade({ ...held.reservation, postings: [] }));
    const { orderId, symbol, side } = terms;
    const [quantity, unitPrice] = [decimal(terms.quantity), decimal(terms.unitPrice)];
    const amount = neededFor(terms);
    const unit = unitOf(terms, this.#opened?.currency ?? '');
    const available = this.#ledger.balance('available', unit);
    if (compare(amount, available) > 0) {
      const reason = side === 'buy' ? 'insufficient-funds' : 'insufficient-shares';
      return this.apply(new ReservationRefused({ orderId, reason, needed: amount, available }));
    }
    const postings = transfer(unit, amount, 'available', 'reserved');
    this.apply(new ReservationMade({ orderId, symbol, side, quantity, unitPrice, amount, postings }));
  }

  /**
   * Holds back for `quantity` open shares at `unitPrice` from now on: `ReservationChanged`, or `ReservationChangeRefused` where the account has
   * not what is needed beyond what is held, or nothing is held for the order. Less is always granted.
   */
  changeReservation({ orderId, quantity, unitPrice }: Pick<Reservation, 'orderId' | 'quantity' | 'unitPrice'>): void {
    const held = this.#held.get(orderId)?.reservation;
    if (!held) {
      return this.apply(new ReservationChangeRefused({ orderId, reason: 'no-reservation', needed: quantity, available: zero }));
    }
    const changed = { ...held, quantity: decimal(quantity), unitPrice: decimal(unitPrice) };
    const amount = neededFor(changed);
    const more = subtract(amount, decimal(held.amount));
    const unit = unitOf(held, this.#currency());
    const available = this.#ledger.balance('available', unit);
    if (isPositive(more) && compare(more, available) > 0) {
      const reason = held.side === 'buy' ? 'insufficient-funds' : 'insufficient-shares';
      return this.apply(new ReservationChangeRefused({ orderId, reason, needed: more, available }));
    }
    this.apply(new ReservationChanged({ ...changed, amount, postings: transfer(unit, more, 'available', 'reserved') }));
  }

  /**
   * Books an execution, a fact, whatever the account has: it uses what is held for its shares; what it costs beyond that comes from what is
   * available, which may fall below nought: a visible overdraft. `FillAlreadySettled` where it was booked against the open reservation before.
   */
  settle(fill: Settlement): void {
    const held = this.#held.get(fill.orderId);
    if (held?.executions.has(fill.executionId)) {
      return this.apply(new FillAlreadySettled({ orderId: fill.orderId, executionId: fill.executionId }));
    }
    this.apply(new FillSettled(settlementOf(fill, this.#currency(), held && useOf(held.reservation, fill.quantity))));
  }

  /** Frees what is still held for an order: `ReservationReleased`, of nought where nothing is. */
  release({ orderId }: { readonly orderId: string }): void {
    const held = this.#held.get(orderId)?.reservation;
    if (!held) return this.apply(new ReservationReleased({ orderId, amount: zero, postings: [] }));
    const postings = transfer(unitOf(held, this.#currency()), decimal(held.amount), 'reserved', 'available');
    this.apply(new ReservationReleased({ orderId, amount: held.amount, postings }));
  }

  /** Whether the account was opened. */
  get isOpen(): boolean {
    return this.#opened !== undefined;
  }

  /** The `sub` of whoever opened it. */
  get owner(): string | undefined {
    return this.#opened?.owner;
  }

  /** Who may use it beside its owner. */
  get subjects(): ReadonlySet<string> {
    return this.#subjects;
  }

  /** Money or shares that no order holds; below nought in an overdraft. */
  available(kind: Posting['kind'], unit: string): Decimal {
    return this.#ledger.balance('available', { kind, unit });
  }

  /** Money or shares that are held for orders. */
  reserved(kind: Posting['kind'], unit: string): Decimal {
    return this.#ledger.balance('reserved', { kind, unit });
  }

  /** Every balance of every book that is not nought: for each unit they sum to zero. */
  get balances(): readonly Posting[] {
    return this.#ledger.balances();
  }

  /** What is held for open orders. */
  get reservations(): readonly Reservation[] {
    return [...this.#held.values()].map(({ reservation }) => reservation);
  }

  /** The state, for a snapshot. */
  toSnapshot(): AccountState {
    const held = [...this.#held.values()].map(({ reservation, executions }) => ({ reservation, executions: [...executions] }));
    return { ...this.#opened, subjects: [...this.#subjects], balances: this.#ledger.balances(), held };
  }

  /** Takes the state of a snapshot. */
  restore({ owner, currency, name, subjects, balances, held }: AccountState): void {
    if (owner !== undefined && currency !== undefined) this.#opened = { owner, currency, ...(name !== undefined && { name }) };
    this.#subjects = new Set(subjects);
    this.#ledger.post(balances);
    for (const { reservation, executions } of held) {
      this.#held.set(reservation.orderId, { reservation, executions: new Set(executions) });
    }
  }

  onAccountOpened({ data }: AccountOpened): void {
    this.#opened = data;
  }

  onAccountAccessGranted({ data }: AccountAccessGranted): void {
    this.#subjects.add(data.subject);
  }

  onAccountAccessRevoked({ data }: AccountAccessRevoked): void {
    this.#subjects.delete(data.subject);
  }

  onFundsDeposited({ data }: FundsDeposited): void {
    this.#ledger.post(data.postings);
  }

  onFundsWithdrawn({ data }: FundsWithdrawn): void {
    this.#ledger.post(data.postings);
  }

  onReservationMade({ data }: ReservationMade): void {
    this.#hold(data);
  }

  onReservationRefused(_: ReservationRefused): void {}

  onReservationChanged({ data }: ReservationChanged): void {
    this.#hold(data);
  }

  onReservationChangeRefused(_: ReservationChangeRefused): void {}

  onReservationReleased({ data }: ReservationReleased): void {
    this.#ledger.post(data.postings);
    this.#held.delete(data.orderId);
  }

  onFillSettled({ data }: FillSettled): void {
    this.#ledger.post(data.postings);
    const executions = this.#held.get(data.orderId)?.executions ?? new Set();
    if (data.reservation)
      this.#held.set(data.orderId, { reservation: data.reservation, executions: executions.add(data.executionId) });
    else this.#held.delete(data.orderId);
  }

  onFillAlreadySettled(_: FillAlreadySettled): void {}

  #hold({ postings, ...reservation }: ReservationMade['data']): void {
    this.#ledger.post(postings);
    const { orderId } = reservation;
    if (reservation.quantity === zero) this.#held.delete(orderId);
    else this.#held.set(orderId, { reservation, executions: this.#held.get(orderId)?.executions ?? new Set() });
  }

  #mustBeOpen(): AccountOpened['data'] {
    if (this.#opened === undefined) throw new AccountNotFound(this.id);
    return this.#opened;
  }

  /** Fills and reservations reach opened accounts only: orders for others are denied. Anything else is a bug. */
  #currency(): string {
    if (this.#opened === undefined) throw new Error(`account ${this.id} was never opened`);
    return this.#opened.currency;
  }
}
