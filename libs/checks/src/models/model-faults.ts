import { compare, decimal, type Decimal } from '@tradecore/money';
import { reservationOf, type Account, type Order } from '@tradecore/trading';
import { sharesHeld } from '../money.ts';

/** What a row must show, derived from the aggregate: names and texts. */
export type Expected = Readonly<Record<string, string>>;

/** What a model holds for one aggregate at one moment. */
export interface ModelRow {
  readonly aggregateId: string;
  /** Its checkpoint: the last event of the aggregate that it claims to include. */
  readonly version: number;
  /** Whether the store holds the checkpoint's event at that version. */
  readonly isStored: boolean;
  readonly isParked: boolean;
  /** The last event in the row; null where the row does not tell. */
  readonly rowVersion: number | null;
  /** Null if absent. */
  readonly row: Expected | null;
}

/** What is wrong with a row. */
export interface ModelFault {
  readonly kind: 'checkpoint' | 'row' | 'row-missing' | 'row-foreign';
  readonly detail: string;
}

const amount = (value: string | Decimal): string => decimal(value);
const listed = (entries: readonly string[]): string => entries.toSorted().join(', ');

/** What the order's row must show; null before it is placed. */
export const orderRow = ({ status, terms, accountId, filledQuantity }: Order): Expected | null =>
  status === undefined || !terms || accountId === undefined
    ? null
    : {
        status,
        account: accountId,
        symbol: terms.symbol,
        side: terms.side,
        quantity: amount(terms.quantity),
        filled: amount(filledQuantity),
      };

/** What the account's row must show; null before it is opened. */
export const accountRow = (account: Account): Expected | null =>
  account.version === 0
    ? null
    : {
        available: amount(account.available('currency', 'USD')),
        reserved: amount(account.reserved('currency', 'USD')),
        reservations: listed(account.reservations.map((each) => `${each.orderId} ${amount(each.amount)}`)),
      };

/** What the account's positions must show: the quantity held of each symbol. */
export const positionRows = (account: Account): Expected => ({
  held: listed(sharesHeld(account).map((each) => each.join(' '))),
});

/** What is wrong with a row: `expected` follows from the aggregate's events up to the row's checkpoint. */
export function modelFaultOf(
  { row, version, rowVersion, isStored }: ModelRow,
  expected: Expected | null,
): ModelFault | undefined {
  if (!isStored)
    return { kind: 'checkpoint', detail: `the checkpoint names an event of version ${version} that the store does not hold` };
  if (!row)
    return expected ? { kind: 'row-missing', detail: `the checkpoint is at version ${version}, but there is no row` } : undefined;
  if (!expected) return { kind: 'row-foreign', detail: `there is a row, but no event up to version ${version} creates one` };
  if (rowVersion !== null && rowVersion > version)
    return { kind: 'row', detail: `the row is at version ${rowVersion}, its checkpoint at version ${version}` };
  const wrong = Object.entries(expected).filter(([name, text]) => row[name] !== text);
  if (wrong.length === 0) return undefined;
  const words = wrong.map(([name, text]) => `${name} is "${row[name]}", must be "${text}"`);
  return { kind: 'row', detail: `at version ${version} ${words.join('; ')}`.slice(0, 2_000) };
}

/** Reservations that no open order of the account explains; orders by id, of the same moment. */
export const reservationFaults = ({ reservations }: Account, orders: ReadonlyMap<string, Order>): string[] =>
  reservations.flatMap(({ orderId, amount: reserved }) => {
    const state = orders.get(orderId)?.state;
    const needed = state && reservationOf(state)?.amount;
    if (needed !== undefined && compare(decimal(needed), decimal(reserved)) === 0) return [];
    return [`${orderId} has ${reserved} reserved and ${needed === undefined ? 'needs nothing' : `needs ${needed}`}`];
  });
