export { event, type Event, type EventClass } from './event.ts';
export type { EventMetadata, RecordedEvent } from './recorded-event.ts';
export { causedEventId, derivedId, freshId, orderIdFor, orderIdForKey } from './ids.ts';
export * from './orders.ts';
export { topics, type TopicDeclaration } from './topics.ts';
export { catalogue, type AggregateDeclaration, type Catalogue, type Upcast } from './catalogue.ts';
export { upcast, UnknownEvent } from './upcast.ts';
