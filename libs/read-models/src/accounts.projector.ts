import {
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
  topics,
  type Posting,
  type RecordedEvent,
  type Reservation,
  type TextRef,
} from '@tradecore/events';
import { add, decimal, zero, type Decimal } from '@tradecore/money';
import { On, Projector, type Appending } from '@tradecore/consumers';

/** A row of `account_projector.accounts`: an account after its events. */
export interface AccountRow {
  readonly accountId: string;
  /** The person who opened it. */
  readonly owner: string;
  readonly name?: TextRef;
  readonly currency: string;
  /** Other persons that may use it, in the order they were granted access. */
  readonly granted: readonly string[];
  readonly available: string;
  readonly reserved: string;
  /** Reservations for open orders, by order. */
  readonly reservations: Readonly<Record<string, Reservation>>;
  /** Version of the last event in the row. */
  readonly version: number;
  readonly openedAt: string;
  readonly updatedAt: string;
}

/** What can move in an account, by the event that moves it. */
const kinds = {
  AccountOpened: 'opened',
  FundsDeposited: 'deposit',
  FundsWithdrawn: 'withdrawal',
  ReservationMade: 'reservation',
  ReservationChanged: 'reservationChange',
  ReservationReleased: 'release',
  FillSettled: 'fill',
  FillReversed: 'reversal',
} as const;

/**
 * An immutable line of `account_projector.activities`: what one event did to an account's money, and the balances after
 * it.
 */
export interface ActivityLine {
  readonly accountId: string;
  /** Account version after the event: rises, with gaps for events that moved nothing. */
  readonly version: number;
  readonly eventId: string;
  readonly kind: (typeof kinds)[keyof typeof kinds];
  readonly time: string;
  readonly availableChange: string;
  readonly reservedChange: string;
  readonly available: string;
  readonly reserved: string;
  readonly orderId?: string;
  readonly symbol?: string;
  readonly side?: Reservation['side'];
  /** Shares traded, or still to be traded under a reservation. */
  readonly quantity?: string;
  readonly price?: string;
  readonly fee?: string;
  readonly notional?: string;
  readonly executionId?: string;
  readonly executedAt?: string;
  readonly reference?: TextRef;
}

/** Fields of only some kinds of lines. */
type Details = Omit<Partial<ActivityLine>, 'accountId' | 'version' | 'eventId' | 'time' | 'kind'>;

type Moving =
  FundsDeposited | FundsWithdrawn | ReservationMade | ReservationChanged | ReservationReleased | FillSettled | FillReversed;

/** Projects each account with its money and reservations, and keeps its ledger. */
@Projector({
  name: 'account-projector',
  topics: [topics.accountEvents.name],
  version: 1,
  table: 'accounts',
  appends: 'activities',
})
export class Accounts {
  @On(AccountOpened)
  onAccountOpened(_: AccountRow | undefined, event: RecordedEvent<AccountOpened>): Appending<AccountRow> {
    const { aggregateId: accountId, aggregateVersion: version, data, time } = event;
    const opened = { ...data, accountId, ...nothing, version, openedAt: time, updatedAt: time };
    return { row: opened, append: [lineOf(opened, event, zero, zero)] };
  }

  @On(AccountAccessGranted)
  onAccountAccessGranted(row: AccountRow | undefined, event: RecordedEvent<AccountAccessGranted>): AccountRow {
    const { person } = event.data;
    const { granted } = opened(row, event);
    return after(row, event, { granted: [...granted.filter((each) => each !== person), person] });
  }

  @On(AccountAccessRevoked)
  onAccountAccessRevoked(row: AccountRow | undefined, event: RecordedEvent<AccountAccessRevoked>): AccountRow {
    const { granted } = opened(row, event);
    return after(row, event, { granted: granted.filter((each) => each !== event.data.person) });
  }

  @On(FundsDeposited, FundsWithdrawn)
  onFunds(row: AccountRow | undefined, event: RecordedEvent<FundsDeposited | FundsWithdrawn>): Appending<AccountRow> {
    const { reference } = event.data;
    return moved(row, event, reference === undefined ? {} : { reference });
  }

  @On(ReservationMade, ReservationChanged)
  onReservation(row: AccountRow | undefined, event: RecordedEvent<ReservationMade | ReservationChanged>): Appending<AccountRow> {
    return moved(row, event, figuresOf(event.data), reserving(row, event.data));
  }

  @On(ReservationReleased)
  onReservationReleased(row: AccountRow | undefined, event: RecordedEvent<ReservationReleased>): Appending<AccountRow> {
    const { orderId } = event.data;
    const before = row?.reservations[orderId];
    return moved(row, event, { orderId, ...(before && figuresOf(before)) }, freeing(row, orderId));
  }

  /** An execution as booked or reversed, with what is reserved for its order at that point. */
  @On(FillSettled, FillReversed)
  onFill(row: AccountRow | undefined, event: RecordedEvent<FillSettled | FillReversed>): Appending<AccountRow> {
    const { orderId, symbol, side, quantity, price, fee, notional, executionId, executedAt, reservation } = event.data;
    const details = { orderId, symbol, side, quantity, price, fee, notional, executionId, executedAt };
    return moved(row, event, details, reservation ? reserving(row, reservation) : freeing(row, orderId));
  }
}

const nothing = { granted: [], available: zero, reserved: zero, reservations: {} };

/** The row; an event of an account that was never opened has none and parks. */
function opened(row: AccountRow | undefined, { aggregateId }: RecordedEvent): AccountRow {
  if (!row) throw new Error(`account ${aggregateId} was never opened`);
  return row;
}

const after = (row: AccountRow | undefined, event: RecordedEvent, changes: Partial<AccountRow>): AccountRow => ({
  ...opened(row, event),
  ...changes,
  version: event.aggregateVersion,
  updatedAt: event.time,
});

/** What an event's postings add to the money in a client's book. The position-projector moves shares. */
function sumOf(postings: readonly Posting[], book: 'available' | 'reserved', currency: string): Decimal {
  return postings
    .filter((line) => line.book === book && line.kind === 'currency')
    .reduce((sum, { unit, amount }) => {
      if (unit !== currency) throw new Error(`${unit} can not move in an account of ${currency}`);
      return add(sum, decimal(amount));
    }, zero);
}

/** Books the postings of an event. An event without postings moved nothing and gets no line in the ledger. */
function moved(
  row: AccountRow | undefined,
  event: RecordedEvent<Moving>,
  details: Details,
  reservations = opened(row, event).reservations,
): Appending<AccountRow> {
  const before = opened(row, event);
  const { postings } = event.data;
  const available = sumOf(postings, 'available', before.currency);
  const reserved = sumOf(postings, 'reserved', before.currency);
  const now = after(row, event, {
    available: add(decimal(before.available), available),
    reserved: add(decimal(before.reserved), reserved),
    reservations,
  });
  if (postings.length === 0) return { row: now, append: [] };
  return { row: now, append: [{ ...lineOf(now, event, available, reserved), ...details }] };
}

function lineOf(
  row: AccountRow,
  event: RecordedEvent<AccountOpened | Moving>,
  available: Decimal,
  reserved: Decimal,
): ActivityLine {
  return {
    accountId: row.accountId,
    version: event.aggregateVersion,
    eventId: event.id,
    kind: kinds[event.type],
    time: event.time,
    availableChange: available,
    reservedChange: reserved,
    available: row.available,
    reserved: row.reserved,
  };
}

const figuresOf = ({ orderId, symbol, side, quantity, unitPrice }: Reservation): Details => ({
  orderId,
  symbol,
  side,
  quantity,
  price: unitPrice,
});

function reserving(row: AccountRow | undefined, reservation: Reservation): AccountRow['reservations'] {
  const { orderId, symbol, side, quantity, unitPrice, amount } = reservation;
  return { ...row?.reservations, [orderId]: { orderId, symbol, side, quantity, unitPrice, amount } };
}

function freeing(row: AccountRow | undefined, orderId: string): AccountRow['reservations'] {
  const { [orderId]: _, ...rest } = row?.reservations ?? {};
  return rest;
}
