import {
  causedEventId,
  freshId,
  isUuid,
  type AggregateDeclaration,
  type Catalogue,
  type Event,
  type RecordedEvent,
  WrittenText,
} from '@tradecore/events';
import { currentContext, type WorkContext } from '@tradecore/telemetry';
import { InvalidSave, PayloadTooLarge, TextNotStorable } from '../store/store-errors.ts';

/** What a store accepts. Bytes are those of the JSON. */
export const limits = {
  eventBytes: 256 * 1024,
  saveEvents: 100,
  saveBytes: 1024 * 1024,
  queuedSaves: 10_000,
  queuedBytes: 64 * 1024 * 1024,
} as const;

/** An aggregate by the stored name of its type and its id; it need not exist. */
export interface Target {
  readonly type: string;
  readonly id: string;
}

/** What `EventStore.prepare` takes besides the events. */
export interface PrepareOptions {
  /** The requester, the cause and the command; the context of the call when absent. */
  readonly context?: Partial<WorkContext>;
  /** Ids (lower-case UUIDs) by the event's index; they take precedence over the catalogue and the command. */
  readonly ids?: ReadonlyMap<number, string>;
}

/** An event that can be stored: checked, named, serialised. */
export interface PreparedEvent {
  readonly id: string;
  /** The aggregate it was prepared for. */
  readonly aggregateId: string;
  readonly type: string;
  readonly schemaVersion: number;
  /** The data as JSON. */
  readonly data: string;
  /** One object of `events` for `append_events`. */
  readonly json: string;
  /** Bytes of `json`. */
  readonly bytes: number;
  readonly origin: Origin;
  /** Identifies its decision across aggregates: the command, or else the first event of this aggregate. */
  readonly decision: string;
  /** The decision's first event in this aggregate: its id identifies a repeat of the decision. */
  readonly leads: boolean;
  /** No other event can have its id. */
  readonly fresh: boolean;
  /** What a person wrote in it: kept beside the log. */
  readonly texts: readonly WrittenText[];
}

/**
 * One aggregate's share of a save. Without events it asserts: the save is stored only if the aggregate is at the
 * expected version.
 */
export interface PartToSave extends Target {
  /** The version that the decision was made on. */
  readonly expected: number;
  readonly events: readonly PreparedEvent[];
}

/** A unit that is stored whole or not at all. */
export interface Save {
  readonly parts: readonly PartToSave[];
  readonly bytes: number;
  /** It changes an aggregate that other saves assert, and may have to wait for them. */
  readonly excludes: boolean;
}

/** Where an event comes from. */
export type Origin = Pick<RecordedEvent, 'correlationId' | 'causationId' | 'sagaId' | 'metadata'>;

/**
 * Common to every store: assigns ids to and serialises what one decision does to one aggregate; refuses what can't be
 * stored.
 */
export function prepareEvents(
  catalogue: Catalogue,
  { type: aggregateType, id: aggregateId }: Target,
  events: readonly Event[],
  { context = currentContext(), ids }: PrepareOptions = {},
): PreparedEvent[] {
  const declaration = declarationOf(catalogue, aggregateType);
  if (!isUuid(aggregateId)) throw new InvalidSave(`${aggregateId} is not a lower-case UUID`);
  const origin = originOf(context);
  const suffix = originJson(origin);
  const named = events.map((event, index) => {
    if (!declaration.events.some(({ type, schemaVersion }) => type === event.type && schemaVersion === event.schemaVersion)) {
      throw new InvalidSave(`${aggregateType} declares no event ${event.type} version ${event.schemaVersion}`);
    }
    const name = ids?.get(index) ?? declaration.idOf?.(event, aggregateId) ?? causedId(context, aggregateId, index);
    if (name !== undefined && !isUuid(name)) throw new InvalidSave(`${name} is not a lower-case UUID`);
    return { event, fresh: name === undefined, id: name ?? freshId() };
  });
  const decision = context?.commandId ?? named[0]?.id ?? '';
  const prepared = named.map(({ id, event, fresh }, index): PreparedEvent => {
    const texts = textsIn(event);
    const serialised = serialise(event, suffix, declaration.keyOf?.(event, aggregateId));
    const { type, schemaVersion } = event;
    return { id, aggregateId, type, schemaVersion, ...serialised, origin, decision, leads: index === 0, fresh, texts };
  });
  checkSize(prepared);
  return prepared;
}

const causedId = (context: Partial<WorkContext> | undefined, aggregateId: string, index: number): string | undefined =>
  context?.commandId === undefined ? undefined : causedEventId(context.commandId, aggregateId, index);

function declarationOf(catalogue: Catalogue, type: string): AggregateDeclaration {
  const declaration = Object.hasOwn(catalogue, type) ? catalogue[type] : undefined;
  if (!declaration) throw new InvalidSave(`the catalogue has no aggregate type ${type}`);
  return declaration;
}

function originOf(context: Partial<WorkContext> = {}): Origin {
  const { correlationId = null, causationId = null, sagaId = null } = context;
  for (const id of [correlationId, causationId, sagaId]) {
    if (id !== null && !isUuid(id)) throw new InvalidSave(`${id} in the context is not a lower-case UUID`);
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

function textsIn({ type, data }: Event): WrittenText[] {
  const texts = Object.values<unknown>({ ...data }).filter((value) => value instanceof WrittenText);
  if (texts.some(({ text }) => isUnstorable(JSON.stringify(text))))
    throw new TextNotStorable(`${type} contains U+0000 or a lone surrogate`, { type });
  return texts;
}

function serialise({ type, schemaVersion, data: facts }: Event, suffix: string, key: string | undefined) {
  const data = JSON.stringify(facts);
  const json = `{"v":${schemaVersion},"d":${data}${suffix}${field('k', key)}}`;
  if (isUnstorable(json)) throw new TextNotStorable(`${type} contains U+0000 or a lone surrogate`, { type });
  const bytes = Buffer.byteLength(json);
  if (bytes > limits.eventBytes) {
    throw new PayloadTooLarge(`${type} has ${bytes} bytes, more than ${limits.eventBytes}`, { limit: limits.eventBytes });
  }
  return { data, json, bytes };
}

/** `JSON.stringify` escapes U+0000 and lone surrogates; of the other escapes, only control characters look similar. */
function isUnstorable(json: string): boolean {
  return json.includes('\\u') && /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/.test(json);
}

/** Combines the parts of a save; refuses what only a bug can request, and what is too large. */
export function toSave(catalogue: Catalogue, parts: readonly PartToSave[]): Save {
  for (const part of parts) checkPart(catalogue, part);
  if (new Set(parts.map(({ id }) => id)).size < parts.length) throw new InvalidSave('a save names an aggregate twice');
  const events = parts.flatMap((part) => part.events);
  if (events.length === 0) throw new InvalidSave('a save has no event');
  if (new Set(events.map(({ id }) => id)).size < events.length) throw new InvalidSave('a save names an event twice');
  const excludes = parts.some((part) => part.events.length > 0 && declarationOf(catalogue, part.type).asserted === true);
  return { parts, bytes: checkSize(events), excludes };
}

function checkPart(catalogue: Catalogue, { type, id, expected, events }: PartToSave): void {
  const { asserted = false } = declarationOf(catalogue, type);
  if (!Number.isInteger(expected) || expected < 0) throw new InvalidSave(`${expected} is not a version`);
  if (!isUuid(id)) throw new InvalidSave(`${id} is not a lower-case UUID`);
  if (events.length === 0 && !asserted) throw new InvalidSave(`the catalogue does not say that ${type} may be asserted`);
  if (events.some(({ aggregateId }) => aggregateId !== id))
    throw new InvalidSave(`an event was prepared for an aggregate other than ${id}`);
}

function checkSize(events: readonly PreparedEvent[]): number {
  if (events.length > limits.saveEvents) {
    throw new PayloadTooLarge(`${events.length} events in a save, more than ${limits.saveEvents}`, { limit: limits.saveEvents });
  }
  const total = events.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > limits.saveBytes) {
    throw new PayloadTooLarge(`a save of ${total} bytes, more than ${limits.saveBytes}`, { limit: limits.saveBytes });
  }
  return total;
}

/** The ids that identify the decisions of a save. */
export const leadIds = ({ parts }: Pick<Save, 'parts'>): string[] =>
  parts.flatMap(({ events }) => events.filter(({ leads }) => leads).map(({ id }) => id));

/** The events of a save as they are now stored. */
export function recordedEvents({ parts }: Pick<Save, 'parts'>, time: string): RecordedEvent[] {
  return parts.flatMap(({ id: aggregateId, type: aggregateType, expected, events }) =>
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
