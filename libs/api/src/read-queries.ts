import { clientOrderIdShape, ordStatuses, symbolShape } from '@tradecore/trading';
import { z } from 'zod';
import { decodeConsistencyToken } from './consistency-token.ts';
import {
  decodeAccountCursor,
  decodeLedgerCursor,
  decodeOrderCursor,
  decodeReservationCursor,
  decodeTimeCursor,
} from './cursor.ts';
import { ifNoneMatch } from './entity-tags.ts';

const timeShape = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i;

/** A time in the format of stored events, UTC with microseconds; undefined for text that is not an RFC 3339 time. */
function canonicalTime(text: string): string | undefined {
  const [, seconds, fraction = '', offset] = timeShape.exec(text) ?? [];
  const time = new Date(`${seconds}${offset?.toUpperCase()}`);
  const isDate = !Number.isNaN(time.getTime()) && new Date(`${seconds}Z`).toISOString().startsWith(seconds ?? '');
  if (!isDate || !/^\d{4}-/.test(time.toISOString())) return undefined; // 30 February would roll over; an offset may leave years 0000-9999
  return `${time.toISOString().slice(0, 19)}.${fraction.padEnd(6, '0').slice(0, 6)}Z`;
}

/** A version or a time of an order. */
export type AsOf = { readonly version: number } | { readonly time: string };

const asOf = z
  .string()
  .max(64)
  .transform((text, context): AsOf => {
    if (/^[1-9]\d{0,8}$/.test(text)) return { version: Number(text) };
    const time = canonicalTime(text);
    if (time !== undefined) return { time };
    context.addIssue({
      code: 'custom',
      message: 'must be a version (from 1) or an RFC 3339 time',
      params: { code: 'invalid-format' },
    });
    return z.NEVER;
  })
  .meta({
    description: 'The order after that version or at that time (RFC 3339; within the last 5 s the answer may still change).',
    examples: ['1', '2026-11-23T09:00:00Z'],
  });

/** Query of `GET /v1/orders/{id}`. */
export const orderQuery = z.strictObject({ asOf: asOf.optional() });

/** The parsed value. */
export type OrderQuery = z.output<typeof orderQuery>;

const limit = (what: string, usual = 50) =>
  z
    .string()
    .refine((text) => /^\d{1,3}$/.test(text), { error: 'must be a whole number', params: { code: 'invalid-format' } })
    .transform(Number)
    .pipe(z.number().min(1).max(500))
    .default(usual)
    .meta({ description: `${what} per page, 1 to 500.`, type: 'integer', minimum: 1, maximum: 500 });

const cursor = <Key>(decode: (cursor: string) => Key | undefined) =>
  z
    .string()
    .max(200)
    .transform((text, context) => {
      const key = decode(text);
      if (key !== undefined) return key;
      context.addIssue({ code: 'custom', message: 'is not a cursor of this list', params: { code: 'invalid-format' } });
      return z.NEVER;
    })
    .optional()
    .meta({ description: '`nextCursor` of the previous page.' });

/** Query of `GET /v1/orders`. */
export const ordersQuery = z.strictObject({
  accountId: z.guid('must be a UUID').toLowerCase().meta({ description: 'One of your accounts.' }),
  clientOrderId: z
    .string()
    .regex(clientOrderIdShape, 'must be 1 to 48 printable ASCII characters')
    .optional()
    .meta({ description: 'Only the order with this name.', examples: ['my-order-1'] }),
  status: z.enum(ordStatuses).optional().meta({ description: 'Only orders of this status.' }),
  symbol: z
    .string()
    .regex(symbolShape, 'must be a capital letter, then up to 11 capital letters, digits or "."')
    .optional()
    .meta({ description: 'Only orders of this instrument.', examples: ['ACME'] }),
  limit: limit('Orders'),
  cursor: cursor(decodeOrderCursor),
});

/** The parsed value. */
export type OrdersQuery = z.output<typeof ordersQuery>;

/** Query of `GET /v1/accounts`. */
export const accountsQuery = z.strictObject({ limit: limit('Accounts'), cursor: cursor(decodeAccountCursor) });

/** The parsed value. */
export type AccountsQuery = z.output<typeof accountsQuery>;

/** Query of `GET /v1/accounts/{id}/activities` and `/executions`. */
export const ledgerQuery = z.strictObject({ limit: limit('Lines'), cursor: cursor(decodeLedgerCursor) });

/** The parsed value. */
export type LedgerQuery = z.output<typeof ledgerQuery>;

/** Query of `GET /v1/accounts/{id}/reservations`. */
export const reservationsQuery = z.strictObject({ limit: limit('Reservations', 100), cursor: cursor(decodeReservationCursor) });

/** The parsed value. */
export type ReservationsQuery = z.output<typeof reservationsQuery>;

/** Query of `GET /v1/orders/{id}/events`. */
export const eventsQuery = z.strictObject({ limit: limit('Events', 500), cursor: cursor(decodeLedgerCursor) });

/** The parsed value. */
export type EventsQuery = z.output<typeof eventsQuery>;

/** Query of `GET /v1/orders/{id}/timeline`. */
export const timelineQuery = z.strictObject({ cursor: cursor(decodeTimeCursor) });

/** The parsed value. */
export type TimelineQuery = z.output<typeof timelineQuery>;

/** A route without a query: any parameter is a fault. */
export const noQuery = z.strictObject({});

/** Headers of a read. */
export const readHeaders = z.object({
  'consistency-token': z
    .string()
    .meta({ examples: ['Xx6cBAGQpuAAAHAAgAAAAAAACswAAAAC'] }) // before the transform, otherwise the document loses it
    .transform((text, context) => {
      const token = decodeConsistencyToken(text);
      if (token) return token;
      context.addIssue({ code: 'custom', message: 'is not a token of this API', params: { code: 'invalid-format' } });
      return z.NEVER;
    })
    .optional()
    .meta({
      description: 'From an earlier answer: the read waits up to 2 s until it shows at least that state.',
    }),
  'if-none-match': ifNoneMatch,
});

/** The parsed value. */
export type ReadHeaders = z.output<typeof readHeaders>;
