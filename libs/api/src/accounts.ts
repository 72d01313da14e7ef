import { accessScopes, orderSides } from '@tradecore/events';
import { currencies, moneyPlaces } from '@tradecore/trading';
import { z } from 'zod';
import { positiveDecimal } from './positive-decimal.ts';

/** A currency in which accounts are kept. */
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
    name: line('What the account is called; for people.', 'Retirement').optional(),
    currency: currency.default('USD'),
  })
  .meta({ id: 'OpenAccount', description: 'A request to open an account.' })
  .default({ currency: 'USD' });

/** What `openAccountBody` lets through. */
export type OpenAccountBody = z.infer<typeof openAccountBody>;

// Every currency has the same places; with a second number the rule moves to where the account's currency is known.
const money = positiveDecimal(
  'An exact decimal greater than zero, of at most 19 digits before the point and the places of the currency after it.',
  '10000.00',
  (amount) => {
    const places = amount.split('.')[1]?.length ?? 0;
    const detail = `has ${places} decimal places, the currency has ${moneyPlaces}`;
    return places > moneyPlaces ? { code: 'too-many-decimal-places', detail } : undefined;
  },
);

/** Body of `POST /v1/accounts/{id}/deposits` and `/withdrawals`. */
export const movementBody = z
  .strictObject({
    amount: money,
    reference: line('What it is about, for the record.', 'transfer 4711').optional(),
  })
  .meta({ id: 'MoveFunds', description: 'Money that comes in or goes out.' });

/** What `movementBody` lets through. */
export type MovementBody = z.infer<typeof movementBody>;

const subject = z
  .string()
  .min(1)
  .max(255)
  .meta({ description: 'The `sub` of the tokens that get access.', examples: ['auth0|5f7c8ec7c33c6c004bbafe82'] });

/** Body of `POST /v1/accounts/{id}/grants`. */
export const grantBody = z
  .strictObject({
    subject,
    scopes: z
      .array(z.enum(accessScopes))
      .min(1)
      .max(accessScopes.length)
      .default(['read', 'trade'])
      .meta({ description: 'What for; `read` is always among them. These alone from now on.' }),
  })
  .meta({ id: 'GrantAccess', description: 'Lets another subject use the account.' });

/** What `grantBody` lets through. */
export type GrantBody = z.infer<typeof grantBody>;

/** The path of one grant. */
export const grantPath = z.strictObject({ id: accountPath.shape.id, subject });

const signed = (description: string) => z.string().meta({ description, pattern: '^-?[0-9]+(\\.[0-9]+)?$', examples: ['1250.5'] });

/** What is reserved for one open order. */
export const reservationResponse = z
  .strictObject({
    orderId: z.uuid(),
    symbol: z.string(),
    side: z.enum(orderSides),
    quantity: signed('Shares still to be traded.'),
    unitPrice: signed('Price a share at which money is reserved; for a sell, its value a share.'),
    amount: signed('What is reserved: money for a buy, shares for a sell.'),
  })
  .meta({ id: 'Reservation', description: 'What one open order reserves.' });

/** An account in answers. `cash` = `buyingPower` + `reserved`. */
export const accountResponse = z
  .strictObject({
    id: z.uuid(),
    owner: z.string().meta({ description: 'The `sub` of the token that opened it.' }),
    name: z.string().optional(),
    currency,
    cash: signed('All money of the account, reserved money included.'),
    reserved: signed('Money reserved for open orders.'),
    buyingPower: signed('Money free for new orders and withdrawals. Below zero in an overdraft.'),
    reservations: z.array(reservationResponse).meta({ description: 'By symbol, then by order; the first 100.' }),
    nextReservations: z
      .string()
      .optional()
      .meta({ description: 'Ask `/reservations` for the next ones with it; absent where these are all.' }),
    version: z.int().min(1).meta({ description: 'Counts the changes of the account; its ETag.' }),
  })
  .meta({ id: 'Account', description: 'An account: its money and what open orders reserve of it.' });

/** Body of `GET /v1/accounts/{id}/reservations`. */
export const reservationPageResponse = z
  .strictObject({
    reservations: z.array(reservationResponse),
    nextCursor: z.string().optional().meta({ description: 'Ask for the next page with it; absent on the last page.' }),
  })
  .meta({ id: 'ReservationPage', description: 'What open orders of an account reserve, by symbol, then by order.' });

/** One page of reservations on the wire. */
export type ReservationPageResponse = z.infer<typeof reservationPageResponse>;

/** One account on the wire. */
export type AccountResponse = z.infer<typeof accountResponse>;

/** A deposit or a withdrawal in answers; a repeat of the request gets the same. */
export const movementResponse = z
  .strictObject({
    id: z.uuid().meta({ description: 'The stored event; also the id of its activity.' }),
    accountId: z.uuid(),
    kind: z.enum(['deposit', 'withdrawal']),
    amount: signed('What came in or went out.'),
    currency,
    reference: z.string().optional(),
    version: z.int().min(1).meta({ description: 'Version of the account that it made.' }),
    time: z.iso.datetime({ precision: 6 }),
  })
  .meta({ id: 'Movement', description: 'A deposit or a withdrawal.' });

/** A movement on the wire. */
export type MovementResponse = z.infer<typeof movementResponse>;

/** Who may use an account beside its owner. */
export const grantsResponse = z
  .strictObject({
    accountId: z.uuid(),
    owner: z.string(),
    subjects: z
      .array(z.strictObject({ subject: z.string(), scopes: z.array(z.enum(accessScopes)) }))
      .meta({ description: 'Who may use it beside the owner, by their `sub`s, and for what.' }),
    version: z.int().min(1),
  })
  .meta({ id: 'Grants', description: 'Who may use an account.' });

/** The grants of an account on the wire. */
export type GrantsResponse = z.infer<typeof grantsResponse>;
