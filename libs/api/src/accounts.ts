import { accessScopes, orderSides } from '@tradecore/events';
import { currencies, moneyPlaces } from '@tradecore/trading';
import { z } from 'zod';
import { amount, nextCursor } from './fields.ts';
import { positiveDecimal } from './positive-decimal.ts';

/** A currency that accounts may have. */
export type Currency = (typeof currencies)[number];

const currency = z.enum(currencies).meta({ description: 'ISO 4217.', examples: ['USD'] });

/** One line of text for people. */
const line = (description: string, example: string) =>
  z
    .string()
    .min(1)
    .max(200)
    .meta({ description, examples: [example] });

/** The path of one account. */
export const accountPath = z.strictObject({ id: z.guid('must be a UUID').toLowerCase() });

/** Body of `POST /v1/accounts`; may be empty. */
export const openAccountBody = z
  .strictObject({
    name: line('Name of the account, for people.', 'Retirement').optional(),
    currency: currency.default('USD'),
  })
  .meta({ id: 'OpenAccount', description: 'A request to open an account.' })
  .default({ currency: 'USD' });

/** A parsed `openAccountBody`. */
export type OpenAccountBody = z.infer<typeof openAccountBody>;

// All currencies have the same number of places; once they differ, the rule must move to where the account's currency
// is known.
const money = positiveDecimal(
  'An exact decimal greater than zero: at most 19 digits before the point, and after it at most as many as the currency has.',
  '10000.00',
  (amount) => {
    const places = amount.split('.')[1]?.length ?? 0;
    const detail = `has ${places} decimal places; the currency has ${moneyPlaces}`;
    return places > moneyPlaces ? { code: 'too-many-decimal-places', detail } : undefined;
  },
);

/** Body of `POST /v1/accounts/{id}/deposits` and `/withdrawals`. */
export const movementBody = z
  .strictObject({
    amount: money,
    reference: line('What the movement is for; kept in the record.', 'transfer 4711').optional(),
  })
  .meta({ id: 'MoveFunds', description: 'A deposit or a withdrawal.' });

/** A parsed `movementBody`. */
export type MovementBody = z.infer<typeof movementBody>;

const subject = z
  .string()
  .min(1)
  .max(255)
  .meta({ description: 'The `sub` of the tokens to grant access to.', examples: ['auth0|5f7c8ec7c33c6c004bbafe82'] });

/** Body of `POST /v1/accounts/{id}/grants`. */
export const grantBody = z
  .strictObject({
    subject,
    scopes: z
      .array(z.enum(accessScopes))
      .min(1)
      .max(accessScopes.length)
      .default(['read', 'trade'])
      .meta({ description: 'Granted scopes; `read` is always included. Replaces earlier ones.' }),
  })
  .meta({ id: 'GrantAccess', description: 'Grants another subject access to the account.' });

/** A parsed `grantBody`. */
export type GrantBody = z.infer<typeof grantBody>;

/** The path of one grant. */
export const grantPath = z.strictObject({ id: accountPath.shape.id, subject });

/** What is reserved for one open order. */
export const reservationResponse = z
  .strictObject({
    orderId: z.uuid(),
    symbol: z.string(),
    side: z.enum(orderSides),
    quantity: amount('Shares still to trade.'),
    unitPrice: amount('Price per share at which money is reserved; for a sell, the value per share.'),
    amount: amount('The amount reserved: money for a buy, shares for a sell.'),
  })
  .meta({ id: 'Reservation', description: 'What one open order reserves.' });

/** An account in answers. `cash` = `buyingPower` + `reserved`. */
export const accountResponse = z
  .strictObject({
    id: z.uuid(),
    owner: z.string().meta({ description: 'The `sub` of the token that opened the account.' }),
    name: z.string().optional(),
    currency,
    cash: amount('All money in the account, reserved money included.'),
    reserved: amount('Money reserved for open orders.'),
    buyingPower: amount('Money free for new orders and withdrawals; negative in an overdraft.'),
    reservations: z.array(reservationResponse).meta({ description: 'The first 100, by symbol, then by order.' }),
    nextReservations: z
      .string()
      .optional()
      .meta({ description: 'The cursor of the next page at `/reservations`; absent if there is none.' }),
    version: z.int().min(1).meta({ description: 'Counts the changes of the account.' }),
  })
  .meta({ id: 'Account', description: 'An account: its money, and how much of it open orders reserve.' });

/** Body of `GET /v1/accounts/{id}/reservations`. */
export const reservationPageResponse = z
  .strictObject({ reservations: z.array(reservationResponse), nextCursor })
  .meta({ id: 'ReservationPage', description: 'What open orders of an account reserve, by symbol, then by order.' });

/** One page of reservations on the wire. */
export type ReservationPageResponse = z.infer<typeof reservationPageResponse>;

/** One account on the wire. */
export type AccountResponse = z.infer<typeof accountResponse>;

/** A deposit or a withdrawal in answers; a repeat of the request gets the same answer. */
export const movementResponse = z
  .strictObject({
    id: z.uuid().meta({ description: 'Id of the stored event, and of its activity.' }),
    accountId: z.uuid(),
    kind: z.enum(['deposit', 'withdrawal']),
    amount: amount('The amount deposited or withdrawn.'),
    currency,
    reference: z.string().optional(),
    version: z.int().min(1).meta({ description: 'Version of the account after it.' }),
    time: z.iso.datetime({ precision: 6 }),
  })
  .meta({ id: 'Movement', description: 'A deposit or a withdrawal.' });

/** A movement on the wire. */
export type MovementResponse = z.infer<typeof movementResponse>;

/** Who may use an account besides its owner. */
export const grantsResponse = z
  .strictObject({
    accountId: z.uuid(),
    owner: z.string(),
    subjects: z
      .array(z.strictObject({ subject: z.string(), scopes: z.array(z.enum(accessScopes)) }))
      .meta({ description: 'Subjects with access besides the owner, by `sub`, and their scopes.' }),
    version: z.int().min(1),
  })
  .meta({ id: 'Grants', description: 'Who may use an account.' });

/** The grants of an account on the wire. */
export type GrantsResponse = z.infer<typeof grantsResponse>;
