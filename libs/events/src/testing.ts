import { freshId } from './ids.ts';
import type { Event } from './event.ts';
import { OrderPlaced } from './orders.ts';
import type { RecordedEvent } from './recorded-event.ts';
import { sampleTerms } from './sample-terms.ts';

/** A stored event for tests: version 1 of a fresh Order unless `changes` says otherwise. */
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

export { orderSamples, placementSamples } from './samples-orders.ts';
export {
  accountSamples,
  brokerOrderSamples,
  controlSamples,
  correctionSamples,
  operationSamples,
  orderKeySamples,
} from './samples-others.ts';
export { sampleTerms, sampleText } from './sample-terms.ts';
