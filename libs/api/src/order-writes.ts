import type { ReplaceTerms } from '@tradecore/events';
import { decimal, decimalRefusal, isPositive } from '@tradecore/money';
import { z } from 'zod';
import { writeHeaders } from './orders.ts';

const term = (description: string, example = '101.5') =>
  z
    .string()
    .superRefine((text, context) => {
      const refusal = decimalRefusal(text);
      const code = refusal ?? (isPositive(decimal(text)) ? undefined : 'not-positive');
      if (code !== undefined) context.addIssue({ code: 'custom', message: decimalRule, params: { code } });
    })
    .meta({ examples: [example] }) // before the transform, or the document loses it
    .transform((text): string => decimal(text))
    .meta({ description, maxLength: 64, pattern: '^[0-9]+(\\.[0-9]+)?$' })
    .optional();

const decimalRule = 'must be a decimal greater than zero, of at most 19 digits before and 9 after the point';

/** Body of `POST /v1/orders/{id}/replace`: at least one field; what is absent stays. */
export const replaceOrderBody = z
  .strictObject({
    quantity: term('The new total, filled shares included.', '20'),
    limitPrice: term('The new worst price; for limit and stopLimit only.'),
    stopPrice: term('The new price that triggers the order; for stop and stopLimit only.'),
  })
  .refine((changes) => Object.keys(changes).length > 0, {
    error: 'must change something: quantity, limitPrice or stopPrice',
    params: { code: 'nothing-to-change' },
  })
  .meta({ id: 'ReplaceOrder', description: 'New terms for a working order.' });

/** What `replaceOrderBody` lets through. */
export type ReplaceOrderBody = z.infer<typeof replaceOrderBody> & ReplaceTerms;

/** Seconds that an answer waits for an order, at most. */
export const waitLimit = 10;

/**
 * `Prefer` of RFC 7240: only `wait=<seconds>` applies, at most `waitLimit`; no preference is refused, and `Preference-Applied` says which one was
 * applied.
 */
const prefer = z
  .string()
  .transform((text) => {
    const wait = /(?:^|,)\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=[;,]|$)/i.exec(text.slice(0, 500))?.[1];
    return wait === undefined ? undefined : Math.min(Number(wait), waitLimit);
  })
  .meta({
    description: '`wait=5`: answer when the order has ended, or after 5 seconds with its state then. At most 10.',
    examples: ['wait=5'],
  });

/** Headers of a write whose answer may wait. */
export const waitingHeaders = writeHeaders.extend({ prefer: prefer.optional() });

/** The ETag of an order is its version; `*` or no header means any version. Weak ETags are refused: If-Match compares strongly. */
const ifMatch = z
  .string()
  .regex(/^(\*|"\d{1,9}")$/, 'must be one ETag of the order, or *')
  .transform((text) => (text === '*' ? undefined : Number(text.slice(1, -1))))
  .optional()
  .meta({ description: 'The ETag that the request is based on; 412 if the order has changed.', examples: ['"2"'] });

/** Headers of a replace. */
export const replaceHeaders = writeHeaders.extend({ 'if-match': ifMatch });

/** Headers of a write that needs a key. */
export const keyedHeaders = z.object({ 'idempotency-key': writeHeaders.shape['idempotency-key'].unwrap() });
