import type { ReplaceTerms } from '@tradecore/events';
import { z } from 'zod';
import { ifMatch } from './entity-tags.ts';
import { writeHeaders } from './orders.ts';
import { positiveDecimal } from './positive-decimal.ts';

const term = (description: string, example = '101.5') => positiveDecimal(description, example).optional();

/** Body of `POST /v1/orders/{id}/replace`: at least one field; absent terms stay. */
export const replaceOrderBody = z
  .strictObject({
    quantity: term('The new total, filled shares included.', '20'),
    limitPrice: term('The new worst price; only for limit and stopLimit.'),
    stopPrice: term('The new price that triggers the order; only for stop and stopLimit.'),
  })
  .refine((changes) => Object.keys(changes).length > 0, {
    error: 'must change quantity, limitPrice or stopPrice',
    params: { code: 'nothing-to-change' },
  })
  .meta({ id: 'ReplaceOrder', description: 'New terms for a working order.' });

/** A parsed `replaceOrderBody`. */
export type ReplaceOrderBody = z.infer<typeof replaceOrderBody> & ReplaceTerms;

/** The most seconds that an answer waits for an order. */
export const waitLimit = 10;

/**
 * `Prefer` of RFC 7240: only `wait=<seconds>`, at most `waitLimit`, applies; others are ignored, and
 * `Preference-Applied` names what was applied.
 */
const prefer = z
  .string()
  .transform((text) => {
    const wait = /(?:^|,)\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=[;,]|$)/i.exec(text.slice(0, 500))?.[1];
    return wait === undefined ? undefined : Math.min(Number(wait), waitLimit);
  })
  .meta({
    description: '`wait=5`: answer when the order has ended, or after 5 seconds with its current state. At most 10.',
    examples: ['wait=5'],
  });

/** Headers of a write that may wait before it answers. */
export const waitingHeaders = writeHeaders.extend({ prefer: prefer.optional() });

/** Headers of a cancel. */
export const cancelHeaders = waitingHeaders.extend({ 'if-match': ifMatch });

/** Headers of a replace. */
export const replaceHeaders = writeHeaders.extend({ 'if-match': ifMatch });

/** Headers of a write by an operator to something that has an ETag. */
export const matchHeaders = z.object({ 'if-match': ifMatch });

/** Headers of a write that needs a key. */
export const keyedHeaders = z.object({ 'idempotency-key': writeHeaders.shape['idempotency-key'].unwrap() });
