import { orderSides, orderTypes, timesInForce, type OrderTerms } from '@tradecore/events';
import { accountIdShape, clientOrderIdShape, meaningOf, ordStatuses, symbolShape, termFaults } from '@tradecore/trading';
import { maxDecimalLength } from '@tradecore/money';
import { z } from 'zod';
import { nextCursor, time } from './fields.ts';

/** `termFaults` of trading checks the value; the pattern only documents it. */
const decimalText = (what: string, example = '101.5') =>
  z
    .string()
    .max(maxDecimalLength, { abort: true })
    .meta({
      description: `${what}. An exact decimal: at most 19 digits before the point and 9 after it, greater than zero.`,
      pattern: '^[0-9]+(\\.[0-9]+)?$',
      examples: [example],
    });

/** As `decimalText`, for names. */
const shaped = (shape: RegExp, description: string, example: string) =>
  z
    .string()
    .max(64)
    .meta({ description, pattern: shape.source, examples: [example] });

const termFields = {
  accountId: shaped(accountIdShape, 'The account that trades.', '0190a6e0-0000-7000-8000-00000000acc0'),
  clientOrderId: shaped(
    clientOrderIdShape,
    "The client's name for the order, unique within the account forever. Required unless an Idempotency-Key is sent.",
    'my-order-1',
  ).optional(),
  symbol: shaped(symbolShape, 'The instrument.', 'ACME'),
  side: z.enum(orderSides),
  type: z.enum(orderTypes),
  quantity: decimalText('How many shares', '10'),
  limitPrice: decimalText('The worst price; required for limit and stopLimit, otherwise absent').optional(),
  stopPrice: decimalText('The price that triggers the order; required for stop and stopLimit, otherwise absent').optional(),
  timeInForce: z.enum(timesInForce),
};

/**
 * Body of `POST /v1/orders`: its shape here, its rules from trading, so each is defined once and all faults are
 * reported together. Faults of rules are `custom` issues with `params.code`.
 */
export const placeOrderBody = z
  .strictObject(termFields)
  .superRefine((terms, context) => {
    for (const { field, code, detail } of termFaults(terms as OrderTerms)) {
      context.addIssue({ code: 'custom', path: [field], message: detail, params: { code } });
    }
  })
  .meta({ id: 'PlaceOrder', description: 'The terms of a new order.' });

/** A parsed `placeOrderBody`. */
export type PlaceOrderBody = z.infer<typeof placeOrderBody>;

/** Body of `POST /v1/orders/{id}/cancel`; may be empty. */
export const cancelOrderBody = z
  .strictObject({
    reason: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .meta({ description: 'The reason, for the record.', examples: ['changed my mind'] }),
  })
  .meta({ id: 'CancelOrder', description: 'A request to cancel an order.' })
  .default({});

/** A parsed `cancelOrderBody`. */
export type CancelOrderBody = z.infer<typeof cancelOrderBody>;

/** Headers of a write; others are ignored. */
export const writeHeaders = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/, 'must be 1 to 255 printable ASCII characters')
    .meta({
      description: 'The same key is the same request, however often it is sent. Names an order without clientOrderId.',
      examples: ['0b6f0c1e-8a53-4a3e-9b52-7f2c3a1d9e10'],
    })
    .optional(),
});

/** The path of one order. */
export const orderPath = z.strictObject({ id: z.guid('must be a UUID').toLowerCase() });

const figure = (description: string) => z.string().meta({ description, examples: ['10'] });
const changeable = {
  quantity: figure('The total, filled shares included.').optional(),
  limitPrice: figure('The worst price.').optional(),
  stopPrice: figure('The price that triggers it.').optional(),
};

/** One revision in answers. */
export const orderRevision = z
  .strictObject({
    revision: z.int().min(1),
    brokerOrderId: z.uuid().meta({ description: 'Its `client_order_id` at the brokerage.' }),
    ...changeable,
  })
  .meta({
    id: 'OrderRevision',
    description: 'One set of terms: the order as placed, then one revision for each replace.',
  });

/** Requested terms in answers. */
export const requestedTerms = z
  .strictObject({ revision: z.int().min(2), ...changeable })
  .meta({ id: 'RequestedTerms', description: 'The terms of a replace that the brokerage has not answered yet.' });

/** A denial in answers. */
export const denialResponse = z
  .strictObject({
    rule: z.string().meta({ description: 'The stable name of the rule.', examples: ['insufficient-funds'] }),
    detail: z.string(),
    figures: z.record(z.string(), z.string()).meta({ description: 'The figures that the rule compared.' }),
    reason: z.string().optional().meta({ description: 'Why an operator halted trading.' }),
  })
  .meta({ id: 'Denial', description: 'Why TradeCore, not the brokerage, refused an order.' });

/** Each status with its meaning. */
const statusMeanings = ordStatuses.map((status) => `\`${status}\`: ${meaningOf[status]}`).join(' ');

/** An order in answers. Decimals are canonical strings, times are UTC with microseconds. */
export const orderResponse = z
  .strictObject({
    id: z.uuid(),
    ...termFields,
    status: z.enum(ordStatuses).meta({ description: statusMeanings }),
    execType: z
      .string()
      .optional()
      .meta({ description: 'FIX ExecType (150) of the last change with one.', examples: ['F'] }),
    filledQuantity: figure('Shares traded.'),
    averagePrice: figure('Average price per share, rounded to 9 places; absent until something traded.').optional(),
    revision: z.int().min(1).meta({ description: 'The revision whose terms apply; rises with each replace.' }),
    revisions: z.array(orderRevision).meta({ description: 'Every revision, oldest first.' }),
    requested: requestedTerms.optional(),
    goodUntil: time('Not sent to the brokerage after this time; absent for `gtc`.').optional(),
    denial: denialResponse.optional(),
    rejectionCode: z.string().optional().meta({ description: "The brokerage's code, if the brokerage rejected the order." }),
    reason: z.string().optional().meta({ description: 'Why the last change happened, if TradeCore or the brokerage said it.' }),
    cancelReason: z.string().optional().meta({ description: 'The reason in the cancel request.' }),
    version: z.int().min(1).meta({ description: 'Counts the changes of the order.' }),
    createdAt: time('When it was placed.'),
    updatedAt: time('Time of the last change.'),
  })
  .meta({ id: 'Order', description: 'An order.' });

/** One order on the wire. */
export type OrderResponse = z.infer<typeof orderResponse>;

/** A page of orders, newest first. */
export const orderPageResponse = z
  .strictObject({ orders: z.array(orderResponse), nextCursor })
  .meta({ id: 'OrderPage', description: 'Orders of an account, newest first.' });

/** One page of orders on the wire. */
export type OrderPageResponse = z.infer<typeof orderPageResponse>;

/** One stored event of an order. */
export const orderEventResponse = z
  .strictObject({
    id: z.uuid(),
    type: z.string(),
    version: z.int().min(1).meta({ description: 'Version of the order after this event.' }),
    time: time('When it was stored.'),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'OrderEvent', description: 'One stored event of an order, as `GET /v1/orders/{id}/events` shows it.' });

/** One stored event on the wire. */
export type OrderEventResponse = z.infer<typeof orderEventResponse>;

/** A page of the history of an order, oldest first. */
export const orderEventsResponse = z
  .strictObject({ events: z.array(orderEventResponse), nextCursor })
  .meta({ id: 'OrderEvents', description: 'The history of an order.' });

/** The history of an order on the wire. */
export type OrderEventsResponse = z.infer<typeof orderEventsResponse>;
