import { freshId } from './ids.ts';
import type { Event } from './event.ts';
import { OrderPlaced, type OrderTerms } from './orders.ts';
import type { RecordedEvent } from './recorded-event.ts';

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

/** An event as the store would hold it, for tests: version 1 of a fresh Order unless `changes` says otherwise. */
export function recordedSample(
  event: Event = new OrderPlaced(sampleTerms()),
  changes: Partial<RecordedEvent> = {},
): RecordedEvent {
  return {
    id: freshId(),
    aggregateId: freshId(),
    aggregateType: 'Order',
    aggregateVersion: 1,
    type: event.type,
    schemaVersion: event.schemaVersion,
    data: event.data,
    time: '2026-01-02T03:04:05.000006Z',
    correlationId: freshId(),
    causationId: null,
    sagaId: null,
    metadata: {},
    ...changes,
  };
}
