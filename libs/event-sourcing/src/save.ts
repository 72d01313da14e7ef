import { causedEventId, freshId, type Catalogue, type Event, type RecordedEvent } from '@tradecore/events';
import { currentContext, type WorkContext } from '@tradecore/telemetry';
import type { AggregateClass, AnyAggregate } from './base-aggregate.ts';
import { InvalidSave, PayloadTooLarge, TextNotStorable } from './store-errors.ts';

/** What a store takes. Bytes are those of the JSON. */
export const limits = {
  eventBytes: 256 * 1024,
  saveEvents: 100,
  saveBytes: 1024 * 1024,
  queuedSaves: 10_000,
  queuedBytes: 64 * 1024 * 1024,
} as const;

/** One aggregate's share of a save. */
export interface SavePart {
  readonly aggregate: AnyAggregate;
  readonly aggregateId: string;
  readonly aggregateType: string;
  readonly expected: number;
  readonly events: readonly PreparedEvent[];
}

/** An event on its way to the store. */
export interface PreparedEvent {
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  /** The data as JSON. */
  readonly data: string;
  /** What `append_events` takes: one object of its `events`. */
  readonly json: string;
  /** Of `json`. */
  readonly bytes: number;
  readonly origin: Origin;
}

/** What is stored whole or not at all: checked, named, serialised once. */
export interface Save {
  readonly parts: readonly SavePart[];
  readonly bytes: number;
  /** Ids are fresh, so that nobody else can have stored them. */
  readonly fresh: boolean;
}

/** Where an event comes from. */
export type Origin = Pick<RecordedEvent, 'correlationId' | 'causationId' | 'sagaId' | 'metadata'>;

/** An aggregate and the version that its decision was made on. */
export interface Decision {
  readonly aggregate: AnyAggregate;
  readonly expected: number;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The door of every store: refuses what can't be stored, gives ids, takes correlation and the rest from the context of the call. */
export function prepareSave(catalogue: Catalogue, decisions: readonly Decision[]): Save {
  const context = currentContext();
  const parts = decisions.map((decision) => {
    const events = prepareEvents(catalogue, decision.aggregate, decision.aggregate.uncommittedEvents, context);
    return partOf(decision, events);
  });
  return { parts, bytes: checkedSize(parts), fresh: context?.commandId === undefined };
}

/** The share of a save that an aggregate has. */
export function partOf({ aggregate, expected }: Decision, events: readonly PreparedEvent[]): SavePart {
  if (!Number.isInteger(expected) || expected < 0) throw new InvalidSave(`${expected} is no version`);
  return { aggregate, aggregateId: aggregate.id, aggregateType: typeOf(aggregate), expected, events };
}

/** Names and serialises events that one context caused in one aggregate; refuses what can't be stored. */
export function prepareEvents(
  catalogue: Catalogue,
  aggregate: AnyAggregate,
  events: readonly Event[],
  context: Partial<WorkContext> | undefined,
): PreparedEvent[] {
  const aggregateType = typeOf(aggregate);
  const { id: aggregateId } = aggregate;
  const declaration = Object.hasOwn(catalogue, aggregateType) ? catalogue[aggregateType] : undefined;
  if (!declaration) throw new InvalidSave(`the catalogue has no aggregate type ${aggregateType}`);
  if (!uuid.test(aggregateId)) throw new InvalidSave(`${aggregateId} is no UUID in lower case`);
  const origin = originOf(context);
  const suffix = originJson(origin);
  return events.map((event, index): PreparedEvent => {
    if (!declaration.events.some(({ type, schemaVersion }) => type === event.type && schemaVersion === event.schemaVersion)) {
      throw new InvalidSave(`${aggregateType} declares no event ${event.type} version ${event.schemaVersion}`);
    }
    const id = context?.commandId === undefined ? freshId() : causedEventId(context.commandId, aggregateId, index);
    const key = declaration.keyOf?.(event, aggregateId);
    return { ...prepareEvent({ id, event, key, suffix }), origin };
  });
}

const typeOf = (aggregate: AnyAggregate): string => (aggregate.constructor as AggregateClass<AnyAggregate>).type;

function originOf(context: Partial<WorkContext> = {}): Origin {
  const { correlationId = null, causationId = null, sagaId = null } = context;
  for (const id of [correlationId, causationId, sagaId]) {
    if (id !== null && !uuid.test(id)) throw new InvalidSave(`${id} in the context is no UUID in lower case`);
  }
  const metadata: Record<string, string> = {};
  for (const name of ['account', 'actor', 'traceparent'] as const) {
    if (context[name] !== undefined) metadata[name] = context[name];
  }
  return { correlationId, causationId, sagaId, metadata };
}

const field = (name: string, value: string | null | undefined): string =>
  value === null || value === undefined ? '' : `,"${name}":${JSON.stringify(value)}`;

const originJson = ({ correlationId, causationId, sagaId, metadata }: Origin): string =>
  `,"m":${JSON.stringify(metadata)}${field('c', correlationId)}${field('u', causationId)}${field('s', sagaId)}`;

function prepareEvent({ id, event, key, suffix }: { id: string; event: Event; key: string | undefined; suffix: string }) {
  const { type, schemaVersion } = event;
  const data = JSON.stringify(event.data);
  const json = `{"t":${JSON.stringify(type)},"v":${schemaVersion},"d":${data}${suffix}${field('k', key)}}`;
  if (isUnstorable(json)) throw new TextNotStorable(`${type} holds U+0000 or a lone surrogate`, { type });
  const bytes = Buffer.byteLength(json);
  if (bytes > limits.eventBytes) {
    throw new PayloadTooLarge(`${type} has ${bytes} bytes, more than ${limits.eventBytes}`, { limit: limits.eventBytes });
  }
  return { id, type, schemaVersion, data, json, bytes };
}

/** `JSON.stringify` writes U+0000 and lone surrogates as escapes; of the other escapes only control characters look alike. */
function isUnstorable(json: string): boolean {
  return json.includes('\\u') && /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/.test(json);
}

function checkedSize(parts: readonly SavePart[]): number {
  if (new Set(parts.map(({ aggregateId }) => aggregateId)).size < parts.length) {
    throw new InvalidSave('a save names an aggregate twice');
  }
  const events = parts.flatMap((part) => part.events);
  if (events.length > limits.saveEvents) {
    throw new PayloadTooLarge(`${events.length} events in a save, more than ${limits.saveEvents}`, { limit: limits.saveEvents });
  }
  const total = events.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > limits.saveBytes) {
    throw new PayloadTooLarge(`a save of ${total} bytes, more than ${limits.saveBytes}`, { limit: limits.saveBytes });
  }
  return total;
}

/** The events of a save as they stand in the store now. */
export function recordedEvents({ parts }: Save, time: string): RecordedEvent[] {
  return parts.flatMap(({ aggregateId, aggregateType, expected, events }) =>
    events.map(({ id, type, schemaVersion, data, origin }, index) => ({
      id,
      aggregateId,
      aggregateType,
      aggregateVersion: expected + index + 1,
      type,
      schemaVersion,
      data: JSON.parse(data) as object,
      time,
      ...origin,
    })),
  );
}
