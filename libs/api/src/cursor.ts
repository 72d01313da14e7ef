import type { Reservation } from '@tradecore/events';

/** The order after which a page starts. */
export interface OrderCursor {
  readonly createdAt: string;
  readonly orderId: string;
}

/** Cursors are opaque to clients: base64url of the key after which the next page starts. */
const encode = (key: string): string => Buffer.from(key).toString('base64url');
const decode = (cursor: string): string => Buffer.from(cursor, 'base64url').toString('latin1');

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const orderKey = new RegExp(`^(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z) (${uuid})$`);
const accountKey = new RegExp(`^account (${uuid})$`);
const reservationKey = new RegExp(`^reservation ([A-Z0-9.]{1,12}) (${uuid})$`);
const timeKey = /^time (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)$/;
const ledgerKey = /^version ([1-9]\d{0,8})$/;

/** The cursor of a page of orders. */
export const encodeOrderCursor = ({ createdAt, orderId }: OrderCursor): string => encode(`${createdAt} ${orderId}`);

/** Decodes a cursor of orders; undefined for other text. */
export function decodeOrderCursor(cursor: string): OrderCursor | undefined {
  const [, createdAt, orderId] = orderKey.exec(decode(cursor)) ?? [];
  return createdAt === undefined || orderId === undefined || Number.isNaN(Date.parse(createdAt))
    ? undefined
    : { createdAt, orderId };
}

/** The cursor of a page of accounts. */
export const encodeAccountCursor = (accountId: string): string => encode(`account ${accountId}`);

/** The id in a cursor of accounts; undefined for other text. */
export const decodeAccountCursor = (cursor: string): string | undefined => accountKey.exec(decode(cursor))?.[1];

/** The cursor of a page of a ledger or a history: the version of its last line. */
export const encodeLedgerCursor = (version: number): string => encode(`version ${version}`);

/** The version in a cursor of a ledger; undefined for other text. */
export function decodeLedgerCursor(cursor: string): number | undefined {
  const version = ledgerKey.exec(decode(cursor))?.[1];
  return version === undefined ? undefined : Number(version);
}

/** The reservation after which a page starts. */
export type ReservationCursor = Pick<Reservation, 'symbol' | 'orderId'>;

/** The cursor of a page of reservations. */
export const encodeReservationCursor = ({ symbol, orderId }: ReservationCursor): string =>
  encode(`reservation ${symbol} ${orderId}`);

/** Decodes a cursor of reservations; undefined for other text. */
export function decodeReservationCursor(cursor: string): ReservationCursor | undefined {
  const [, symbol, orderId] = reservationKey.exec(decode(cursor)) ?? [];
  return symbol === undefined || orderId === undefined ? undefined : { symbol, orderId };
}

/** The cursor of a page of a timeline: the time of its first entry. */
export const encodeTimeCursor = (time: string): string => encode(`time ${time}`);

/** The time in a cursor of a timeline; undefined for other text. */
export function decodeTimeCursor(cursor: string): string | undefined {
  const time = timeKey.exec(decode(cursor))?.[1];
  return time === undefined || Number.isNaN(Date.parse(time)) ? undefined : time;
}
