import { BaseAggregate } from '@tradecore/event-sourcing';
import {
  accessScopes,
  AccountAccessGranted,
  AccountAccessRevoked,
  AccountOpened,
  FillReversed,
  FillSettled,
  FundsDeposited,
  FundsWithdrawn,
  ReservationChanged,
  ReservationMade,
  ReservationReleased,
  type AccessScope,
  type AccountEvent,
  type Posting,
  type Reservation,
  type TextRef,
} from '@tradecore/events';
import { compare, decimal, isPositive, negate, subtract, zero, type Decimal } from '@tradecore/money';
import { bookingOf, moneyAmount, unitOf, type Settlement, type Use } from './account-entries.ts';
import {
  AccountNotFound,
  InsufficientFunds,
  InsufficientShares,
  TooManyOpenOrders,
  UnsupportedCurrency,
} from './account-errors.ts';
import { Ledger, money, transfer } from './ledger.ts';
import { differingFields } from '../order/order-terms.ts';

/** The supported currencies: the one that the market quotes in. */
export const currencies = ['USD'] as const;

/** The state of an account as JSON, for snapshots. A change of shape raises `Account.snapshots.shape`. */
export interface AccountState {
  readonly owner?: string;
  readonly currency?: string;
  readonly name?: TextRef;
  /** By person. */
  readonly granted: Readonly<Record<string, readonly AccessScope[]>>;
  readonly balances: readonly Posting[];
  readonly reservations: readonly Reservation[];
}

/**
 * A client's money and shares, as double entries per currency and symbol. Doors open the account, move money and
 * reserve, and may be refused. The saga books what the order recorded, in the same save, and can't be refused. The
 * reservation for an order is always `reservationOf` that order.
 */
export class Account extends BaseAggregate<AccountEvent> {
  static readonly type = 'Account';
  /** The stream of an account grows without limit, so it loads from a snapshot and later events. */
  static readonly snapshots = { every: 50, shape: 2 };

  #opened: AccountOpened['data'] | undefined;
  #granted = new Map<string, readonly AccessScope[]>();
  readonly #ledger = new Ledger();
  readonly #reservations = new Map<string, Reservation>();

  /**
   * Opens the account for its owner. The same terms again store no event; other terms are a bug, for callers check
   * `openedWith`. Throws `UnsupportedCurrency`.
   */
  open(terms: AccountOpened['data']): void {
    if (!(currencies as readonly string[]).includes(terms.currency)) throw new UnsupportedCurrency(terms.currency, currencies);
    const { owner, currency, name } = terms;
    if (this.#opened === undefined)
      return this.apply(new AccountOpened({ owner, currency, ...(name !== undefined && { name }) }));
    if (differingFields(this.#opened, terms, ['owner', 'currency']).length > 0)
      throw new Error(`account ${this.id} was opened with other terms`);
  }

  /** The terms that it was opened with. */
  get openedWith(): AccountOpened['data'] {
    return this.#mustBeOpen();
  }

  /** Grants another person these scopes and `read`; no event if they have them already. */
  grantAccess(person: string, granted: readonly AccessScope[] = ['trade']): void {
    this.#mustBeOpen();
    const scopes = accessScopes.filter((scope) => scope === 'read' || granted.includes(scope));
    if (person === this.owner || this.#granted.get(person)?.join() === scopes.join()) return;
    this.apply(new AccountAccessGranted({ person, scopes }));
  }

  /** Revokes the access; no event if it was not granted. The owner always has access. */
  revokeAccess(person: string): void {
    this.#mustBeOpen();
    if (this.#granted.has(person)) this.apply(new AccountAccessRevoked({ person }));
  }

  /** Deposits money. Throws `InvalidAmount`, `AccountNotFound`. */
  deposit(amount: string, reference?: TextRef): void {
    const { currency } = this.#mustBeOpen();
    const exact = moneyAmount(amount);
    const postings = transfer(money(currency), exact, 'outside', 'available');
    this.apply(new FundsDeposited({ amount: exact, ...(reference !== undefined && { reference }), postings }));
  }

  /** Withdraws money, at most what is available. Throws `InsufficientFunds`, `InvalidAmount`, `AccountNotFound`. */
  withdraw(amount: string, reference?: TextRef): void {
    const { currency } = this.#mustBeOpen();
    const exact = moneyAmount(amount);
    const available = this.available('currency', currency);
    if (compare(exact, available) > 0) throw new InsufficientFunds(exact, available);
    const postings = transfer(money(currency), exact, 'available', 'outside');
    this.apply(new FundsWithdrawn({ amount: exact, ...(reference !== undefined && { reference }), postings }));
  }

  /**
   * Sets the reservation of an order to an absolute amount: `ReservationMade`, or `ReservationChanged` if it has one.
   * Throws `InsufficientFunds` or `InsufficientShares` if more is needed than available, and `TooManyOpenOrders` if
   * `maxOpenOrders` orders have a reservation. For doors only; the saga is never refused.
   */
  reserve(reservation: Reservation, maxOpenOrders = Infinity): void {
    const before = this.#reservations.get(reservation.orderId);
    if (!before && this.#reservations.size >= maxOpenOrders) throw new TooManyOpenOrders(this.#reservations.size, maxOpenOrders);
    const more = subtract(decimal(reservation.amount), decimal(before?.amount ?? zero));
    const available = this.#ledger.balance('available', unitOf(reservation, this.#currency()));
    if (isPositive(more) && compare(more, available) > 0) {
      throw new (reservation.side === 'buy' ? InsufficientFunds : InsufficientShares)(more, available);
    }
    const postings = this.#moved(reservation, more);
    this.apply(new (before ? ReservationChanged : ReservationMade)({ ...reservation, postings }));
  }

  /**
   * The event that makes this the reservation of an order, or releases it if `reservation` is undefined; undefined if
   * nothing changes. Never refused: available may fall below zero, a visible overdraft.
   */
  reserving(orderId: string, reservation: Reservation | undefined): ReservationChanged | ReservationReleased | undefined {
    const before = this.#reservations.get(orderId);
    if (!before)
      return reservation && new ReservationChanged({ ...reservation, postings: this.#moved(reservation, reservation.amount) });
    if (!reservation) {
      const postings = this.#moved(before, negate(decimal(before.amount)));
      return new ReservationReleased({ orderId, amount: before.amount, postings });
    }
    if (isSame(before, reservation)) return undefined;
    const postings = this.#moved(reservation, subtract(decimal(reservation.amount), decimal(before.amount)));
    return new ReservationChanged({ ...reservation, postings });
  }

  /**
   * The event that books an execution and leaves exactly `reservation` for its order. An execution is a fact, whatever
   * the account holds: a cost beyond what it frees comes from available, which may fall below zero.
   */
  settling(fill: Settlement, reservation: Reservation | undefined): FillSettled {
    return new FillSettled(bookingOf(fill, this.#currency(), this.#use(fill, reservation)));
  }

  /** The event that reverses a booked execution and leaves exactly `reservation` for its order. */
  reversing(fill: Settlement, reservation: Reservation | undefined): FillReversed {
    return new FillReversed(bookingOf(fill, this.#currency(), this.#use(fill, reservation), negate));
  }

  /** The reservation of an order. */
  reservation(orderId: string): Reservation | undefined {
    return this.#reservations.get(orderId);
  }

  /** Whether the account was opened. */
  get isOpen(): boolean {
    return this.#opened !== undefined;
  }

  /** The person who opened it. */
  get owner(): string | undefined {
    return this.#opened?.owner;
  }

  /** The other persons with access, and their scopes. */
  get granted(): ReadonlyMap<string, readonly AccessScope[]> {
    return this.#granted;
  }

  /** Money or shares that no order reserves; below zero in an overdraft. */
  available(kind: Posting['kind'], unit: string): Decimal {
    return this.#ledger.balance('available', { kind, unit });
  }

  /** Money or shares reserved for orders. */
  reserved(kind: Posting['kind'], unit: string): Decimal {
    return this.#ledger.balance('reserved', { kind, unit });
  }

  /** Every non-zero balance of every book: for each unit they sum to zero. */
  get balances(): readonly Posting[] {
    return this.#ledger.balances();
  }

  /** The reservations of open orders. */
  get reservations(): readonly Reservation[] {
    return [...this.#reservations.values()];
  }

  /** The state, for a snapshot. */
  toSnapshot(): AccountState {
    return {
      ...this.#opened,
      granted: Object.fromEntries(this.#granted),
      balances: this.#ledger.balances(),
      reservations: this.reservations,
    };
  }

  /** Restores the state of a snapshot. */
  restore({ owner, currency, name, granted, balances, reservations }: AccountState): void {
    if (owner !== undefined && currency !== undefined) this.#opened = { owner, currency, ...(name !== undefined && { name }) };
    this.#granted = new Map(Object.entries(granted));
    this.#ledger.restore(balances);
    for (const reservation of reservations) this.#reservations.set(reservation.orderId, reservation);
  }

  onAccountOpened({ data }: AccountOpened): void {
    this.#opened = data;
  }

  onAccountAccessGranted({ data }: AccountAccessGranted): void {
    this.#granted.set(data.person, data.scopes);
  }

  onAccountAccessRevoked({ data }: AccountAccessRevoked): void {
    this.#granted.delete(data.person);
  }

  onFundsDeposited({ data }: FundsDeposited): void {
    this.#ledger.post(data.postings);
  }

  onFundsWithdrawn({ data }: FundsWithdrawn): void {
    this.#ledger.post(data.postings);
  }

  onReservationMade({ data }: ReservationMade): void {
    this.#reserve(data);
  }

  onReservationChanged({ data }: ReservationChanged): void {
    this.#reserve(data);
  }

  onReservationReleased({ data }: ReservationReleased): void {
    this.#ledger.post(data.postings);
    this.#reservations.delete(data.orderId);
  }

  onFillSettled({ data }: FillSettled): void {
    this.#book(data);
  }

  onFillReversed({ data }: FillReversed): void {
    this.#book(data);
  }

  #book({ orderId, postings, reservation }: FillSettled['data']): void {
    this.#ledger.post(postings);
    if (reservation) this.#reservations.set(orderId, reservation);
    else this.#reservations.delete(orderId);
  }

  #reserve({ postings, ...reservation }: ReservationMade['data']): void {
    this.#ledger.post(postings);
    this.#reservations.set(reservation.orderId, reservation);
  }

  /** Moves an amount from available to reserved; a negative one moves back. */
  #moved(reservation: Pick<Reservation, 'side' | 'symbol'>, amount: string): Posting[] {
    return transfer(unitOf(reservation, this.#currency()), decimal(amount), 'available', 'reserved');
  }

  /** How much of its reservation a booking frees; negative if it reserves more. */
  #use({ orderId }: Pick<Settlement, 'orderId'>, reservation: Reservation | undefined): Use {
    const before = this.#reservations.get(orderId);
    const freed = subtract(decimal(before?.amount ?? zero), decimal(reservation?.amount ?? zero));
    return { freed, ...(reservation && { reservation }) };
  }

  #mustBeOpen(): AccountOpened['data'] {
    if (this.#opened === undefined) throw new AccountNotFound(this.id);
    return this.#opened;
  }

  /** Fills and reservations reach only opened accounts: orders for others are denied. Anything else is a bug. */
  #currency(): string {
    if (this.#opened === undefined) throw new Error(`account ${this.id} was never opened`);
    return this.#opened.currency;
  }
}

const isSame = (one: Reservation, other: Reservation): boolean =>
  one.quantity === other.quantity && one.unitPrice === other.unitPrice && one.amount === other.amount;
