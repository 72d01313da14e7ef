import type { OrderTerms } from './orders.ts';
import { hashOfText, type TextRef } from './texts.ts';

/** Terms of a plain limit order, for tests; `changes` overrides single fields. */
export const sampleTerms = (changes: Partial<OrderTerms> = {}): OrderTerms => ({
  accountId: '0190a6e0-0000-7000-8000-00000000acc0',
  clientOrderId: 'sample-1',
  symbol: 'ACME',
  side: 'buy',
  type: 'limit',
  quantity: '10',
  limitPrice: '101.5',
  timeInForce: 'day',
  ...changes,
});

/** What stands for a text in a stored event, for tests; `digits` are the last four of its name. */
export const sampleText = (digits: string): TextRef => ({
  ref: `0190a6e0-0000-7000-8000-00000000${digits}`,
  hash: hashOfText('0190a6e0-0000-4000-8000-000000000001', digits),
});
