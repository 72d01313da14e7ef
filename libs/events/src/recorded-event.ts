import type { Event } from './event.ts';

/** Accompanies an event's facts. All values are strings, so that they fit a Kafka header. */
export interface EventMetadata {
  /** The account that the event concerns: key of the feed, scope of reads. */
  readonly account?: string;
  /** Who asked: a person, or the name of a service. */
  readonly actor?: string;
  /** W3C trace context of the request that caused it. */
  readonly traceparent?: string;
  readonly [name: string]: string | undefined;
}

/** A stored event: who, when, which version of which aggregate, and why. */
export interface RecordedEvent<E extends Event = Event> {
  /** UUIDv7, or a UUIDv5 derived from the command that caused it. */
  readonly id: string;
  readonly aggregateId: string;
  readonly aggregateType: string;
  /** 1 for the first event of an aggregate, then consecutive, without gaps. */
  readonly aggregateVersion: number;
  readonly type: E['type'];
  readonly schemaVersion: number;
  readonly data: E['data'];
  /** RFC 3339, UTC, microseconds: `2026-11-23T09:00:00.000000Z`. Increases within an aggregate. */
  readonly time: string;
  readonly correlationId: string | null;
  readonly causationId: string | null;
  readonly sagaId: string | null;
  readonly metadata: EventMetadata;
}

/** The order that an event concerns: its own, or the one that its data name. */
export function orderOf({
  aggregateType,
  aggregateId,
  data,
}: Pick<RecordedEvent, 'aggregateType' | 'aggregateId' | 'data'>): string | undefined {
  if (aggregateType === 'Order') return aggregateId;
  const { orderId } = data as { readonly orderId?: unknown };
  return typeof orderId === 'string' ? orderId : undefined;
}
