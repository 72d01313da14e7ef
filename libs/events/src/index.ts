export { event, type Event, type EventClass, type Writers } from './event.ts';
export { orderOf, type EventMetadata, type RecordedEvent } from './recorded-event.ts';
export * from './ids.ts';
export * from './orders.ts';
export * from './accounts.ts';
export * from './broker-orders.ts';
export * from './corrections.ts';
export * from './operations.ts';
export * from './order-keys.ts';
export * from './order-placement.ts';
export * from './texts.ts';
export * from './trading-control.ts';
export * from './market-data.ts';
export { feedChanges } from './feed-changes.ts';
export { noticesGroup, topics, type TopicDeclaration } from './topics.ts';
export {
  catalogue,
  storedTopics,
  writtenByEach,
  writtenBy,
  type AggregateDeclaration,
  type Catalogue,
  type Upcast,
} from './catalogue.ts';
export { upcast, UnknownEvent } from './upcast.ts';
