import type { InstrumentQuote, Reservation } from '@tradecore/events';
import { add, decimal, multiply } from '@tradecore/money';
import { averageCost, unrealised, type Position } from '@tradecore/trading';
import type { AccountSummaryResponse, ActivityResponse, ExecutionResponse, PositionResponse } from './account-reads.ts';
import type { AccountResponse, Currency, ReservationPageResponse } from './accounts.ts';
import { encodeReservationCursor, type ReservationCursor } from './cursor.ts';
import type { ReservationsQuery } from './read-queries.ts';

/** An open account as its fold stores it. */
export interface AccountFigures {
  readonly accountId: string;
  readonly owner: string;
  readonly name?: string;
  readonly currency: string;
  readonly available: string;
  readonly reserved: string;
  readonly version: number;
}

/** The row of an account on the wire, in lists. */
export function accountSummaryOf(row: AccountFigures): AccountSummaryResponse {
  const { accountId: id, owner, name, currency, available, reserved, version } = row;
  const cash = add(decimal(available), decimal(reserved));
  return {
    ...{ id, owner, ...(name !== undefined && { name }), currency: currency as Currency },
    ...{ cash, reserved, buyingPower: available, version },
  };
}

/** By symbol, then by order, so that equal accounts are equal text; ids don't show the order of placement. */
const bySymbol = (one: ReservationCursor, other: ReservationCursor): number =>
  one.symbol === other.symbol ? (one.orderId < other.orderId ? -1 : 1) : one.symbol < other.symbol ? -1 : 1;

/** A page of what open orders reserve. */
export function reservationPageOf(all: readonly Reservation[], { limit, cursor }: ReservationsQuery): ReservationPageResponse {
  const left = all.filter((each) => cursor === undefined || bySymbol(cursor, each) < 0).toSorted(bySymbol);
  const reservations = left.slice(0, limit);
  const last = reservations.at(-1);
  return { reservations, ...(last && left.length > limit && { nextCursor: encodeReservationCursor(last) }) };
}

/** The first page, as part of an account. */
export function firstReservations(all: readonly Reservation[]): Pick<AccountResponse, 'reservations' | 'nextReservations'> {
  const { reservations, nextCursor } = reservationPageOf(all, { limit: 100, cursor: undefined });
  return { reservations, ...(nextCursor !== undefined && { nextReservations: nextCursor }) };
}

/** The row of an account on the wire, with what its open orders reserve. */
export function accountResponseOf(
  row: AccountFigures & { readonly reservations: Readonly<Record<string, Reservation>> },
): AccountResponse {
  const { version, ...summary } = accountSummaryOf(row);
  return { ...summary, ...firstReservations(Object.values(row.reservations)), version };
}

/** A line of the ledger as its fold stores it. */
export interface LedgerLine extends Omit<ActivityResponse, 'id' | 'cashChange' | 'cash' | 'buyingPower'> {
  readonly accountId: string;
  readonly eventId: string;
  readonly availableChange: string;
  readonly available: string;
  readonly notional?: string;
  readonly executedAt?: string;
}

/** A line of the ledger on the wire. */
export function activityResponseOf(line: LedgerLine): ActivityResponse {
  const { eventId: id, version, kind, time, reservedChange, available, reserved, availableChange, ...rest } = line;
  const { accountId: _, notional: _n, executedAt: _e, ...details } = rest;
  return {
    id,
    version,
    kind,
    time,
    cashChange: add(decimal(availableChange), decimal(reservedChange)),
    reservedChange,
    cash: add(decimal(available), decimal(reserved)),
    reserved,
    buyingPower: available,
    ...details,
  };
}

/** The line of a fill has every field. */
type FillLine = { readonly [Field in keyof LedgerLine]-?: NonNullable<LedgerLine[Field]> };

/** The line of a fill or a reversal on the wire, as a trade. */
export function executionResponseOf(line: LedgerLine): ExecutionResponse {
  const {
    executionId: id,
    kind,
    orderId,
    symbol,
    side,
    quantity,
    price,
    notional,
    fee,
    executedAt,
    time,
    version,
  } = line as FillLine;
  const figures = { orderId, symbol, side, quantity, price, notional, fee, executedAt, settledAt: time, version };
  return { id, kind: kind as ExecutionResponse['kind'], ...figures };
}

/** A holding of one symbol as its fold stores it. */
export interface Holding extends Position {
  readonly symbol: string;
  readonly updatedAt: string;
}

/** A position on the wire, valued at the last price if there is one. */
export function positionResponseOf(held: Holding, quote: InstrumentQuote | undefined): PositionResponse {
  const { symbol, quantity, costBasis: cost, realised, updatedAt } = held;
  const average = averageCost(held);
  return {
    symbol,
    quantity,
    ...(average !== undefined && { averageCost: average }),
    cost,
    realised,
    ...(quote && valuationOf(held, quote)),
    updatedAt,
  };
}

function valuationOf(held: Holding, { lastPrice, pricedAt }: InstrumentQuote) {
  if (lastPrice === undefined) return {};
  return {
    lastPrice,
    ...(pricedAt !== undefined && { pricedAt }),
    marketValue: multiply(decimal(held.quantity), decimal(lastPrice), 'down'),
    unrealised: unrealised(held, lastPrice),
  };
}
