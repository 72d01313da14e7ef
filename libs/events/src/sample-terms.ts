import type { OrderTerms } from './orders.ts';

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
