import { isUtf8 } from 'node:buffer';
import { isUuid, type EventMetadata, type RecordedEvent } from '@tradecore/events';
import type { IncomingMessage, OutgoingMessage, RawHeader } from './message.ts';

/** Why a record is not one of our events. */
export type UndecodableReason =
  'batch' | 'no-value' | 'too-large' | 'no-text' | 'no-json' | 'header-missing' | 'header-malformed';

/** A record that can't be an event: what `decode` returns instead of throwing. */
export class Undecodable {
  constructor(
    readonly reason: UndecodableReason,
    /** For people: which header, which byte. Contains nothing from the record except a header's name. */
    readonly detail: string,
  ) {}
}

/** What `encode` needs: an event with the stored text of its data in place of the parsed data. */
export interface EncodableEvent extends Omit<RecordedEvent, 'data'> {
  /** `event_data::text` as stored; becomes the record's value byte for byte. */
  readonly dataText: string;
  /** Which events were stored together, and how many: `<name>.<events>`. */
  readonly save?: string | null;
}

/** A stored event's data is at most 256 KiB; anything four times that is certainly foreign. */
const maxValueBytes = 1024 * 1024;

const source = '/tradecore/';

/**
 * An event as a record: CloudEvents 1.0, Kafka protocol binding 1.0.2, binary mode. `ce_source` names the aggregate's
 * type, `ce_subject` its id; `traceparent` has no prefix, as the distributed tracing extension requires. Only account,
 * actor and traceparent are sent from the metadata.
 */
export function encode(event: EncodableEvent, key: string = event.aggregateId): OutgoingMessage {
  const { account, actor, traceparent } = event.metadata;
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    ce_specversion: '1.0',
    ce_id: event.id,
    ce_type: event.type,
    ce_source: source + event.aggregateType,
    ce_subject: event.aggregateId,
    ce_time: event.time,
    ce_aggregateversion: String(event.aggregateVersion),
    ce_schemaversion: String(event.schemaVersion),
  };
  if (account !== undefined) headers['ce_account'] = account;
  if (actor !== undefined) headers['ce_actor'] = actor;
  if (event.correlationId !== null) headers['ce_correlationid'] = event.correlationId;
  if (event.causationId !== null) headers['ce_causationid'] = event.causationId;
  if (event.sagaId !== null) headers['ce_sagaid'] = event.sagaId;
  if (event.save !== undefined && event.save !== null) headers['ce_save'] = event.save;
  if (traceparent !== undefined) headers['traceparent'] = traceparent;
  return { key, value: event.dataText, headers };
}

const positiveInteger = /^[1-9]\d{0,9}$/;
const maxVersion = 2 ** 31 - 1;
const rfc3339Micros = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** Lengths of the store's columns; free text has the same limit as HTTP headers. */
const limits = { type: 200, aggregateType: 100, free: 1024 };

/** Reads headers one by one and keeps the first fault instead of throwing it. */
class HeaderReader {
  fault: Undecodable | undefined;
  constructor(private readonly headers: Readonly<Record<string, RawHeader>>) {}

  optional(name: string, isGood: (text: string) => boolean): string | undefined {
    const raw = Object.hasOwn(this.headers, name) ? this.headers[name] : undefined;
    if (raw === undefined || raw === null) return undefined;
    const text = headerText(raw);
    if (text !== undefined && isGood(text)) return text;
    this.fault ??= new Undecodable('header-malformed', name);
    return undefined;
  }

  required(name: string, isGood: (text: string) => boolean): string {
    const text = this.optional(name, isGood);
    if (text === undefined) this.fault ??= new Undecodable('header-missing', name);
    return text ?? '';
  }

  version(name: string): number {
    return Number(this.required(name, (text) => positiveInteger.test(text) && Number(text) <= maxVersion));
  }
}

/** The text of a header; undefined when it is repeated, is not UTF-8, or contains U+0000. */
function headerText(raw: Exclude<RawHeader, undefined>): string | undefined {
  if (Array.isArray(raw)) return undefined;
  if (typeof raw !== 'string' && !isUtf8(raw)) return undefined;
  const text = raw.toString();
  return text.includes('\0') ? undefined : text;
}

const isTime = (text: string): boolean => rfc3339Micros.test(text) && !Number.isNaN(Date.parse(text));
const isFree = (text: string): boolean => text.length <= limits.free;
const isType = (text: string): boolean => text.length > 0 && text.length <= limits.type;
const isSource = (text: string): boolean =>
  text.startsWith(source) && text.length > source.length && text.length <= source.length + limits.aggregateType;

function decodeMetadata(reader: HeaderReader): EventMetadata {
  const account = reader.optional('ce_account', isFree);
  const actor = reader.optional('ce_actor', isFree);
  const traceparent = reader.optional('traceparent', isFree);
  return {
    ...(account !== undefined && { account }),
    ...(actor !== undefined && { actor }),
    ...(traceparent !== undefined && { traceparent }),
  };
}

/** The save that `encode` wrote: once `events` records name the same save, everything stored in it is on the topics. */
export function saveOf({
  headers,
}: Pick<IncomingMessage, 'headers'>): { readonly name: string; readonly events: number } | undefined {
  const raw = Object.hasOwn(headers, 'ce_save') ? headers['ce_save'] : undefined;
  const text = raw === undefined || raw === null ? undefined : headerText(raw);
  const [, events] = /^[0-9a-f-]{1,40}\.([1-9]\d{0,8})$/.exec(text ?? '') ?? [];
  return text === undefined || events === undefined ? undefined : { name: text, events: Number(events) };
}

/**
 * The event in a record, its data parsed but not yet upcast, or why there is none. Never throws, whatever the record
 * contains.
 */
export function decode(message: Pick<IncomingMessage, 'value' | 'headers' | 'undecodable'>): RecordedEvent | Undecodable {
  if (message.undecodable !== undefined) return new Undecodable('batch', message.undecodable);
  const reader = new HeaderReader(message.headers);
  reader.required('ce_specversion', (text) => text === '1.0');
  const envelope = {
    id: reader.required('ce_id', isUuid),
    aggregateId: reader.required('ce_subject', isUuid),
    aggregateType: reader.required('ce_source', isSource).slice(source.length),
    aggregateVersion: reader.version('ce_aggregateversion'),
    type: reader.required('ce_type', isType),
    schemaVersion: reader.version('ce_schemaversion'),
    time: reader.required('ce_time', isTime),
    correlationId: reader.optional('ce_correlationid', isUuid) ?? null,
    causationId: reader.optional('ce_causationid', isUuid) ?? null,
    sagaId: reader.optional('ce_sagaid', isUuid) ?? null,
    metadata: decodeMetadata(reader),
  };
  if (reader.fault) return reader.fault;
  const data = decodeData(message.value);
  return data instanceof Undecodable ? data : { ...envelope, data };
}

function decodeData(value: Buffer | null): object | Undecodable {
  if (value === null) return new Undecodable('no-value', 'a tombstone');
  if (value.length > maxValueBytes) return new Undecodable('too-large', `${value.length} bytes, at most ${maxValueBytes}`);
  if (!isUtf8(value)) return new Undecodable('no-text', 'not UTF-8');
  const text = value.toString();
  const data = parse(text);
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return new Undecodable('no-json', 'not a JSON object');
  if (suspicious.test(text) && !isStorable(data)) return new Undecodable('no-text', 'U+0000 or a lone surrogate');
  return data;
}

/**
 * Escapes that may encode U+0000 or half a surrogate pair. Stored text never has them (jsonb writes characters, not
 * escapes).
 */
const suspicious = /\\u(0000|[dD][89a-fA-F])/;

/** True when PostgreSQL's jsonb accepts every key and string. Not recursive: garbage may be nested 100,000 deep. */
function isStorable(data: object): boolean {
  const open: unknown[] = [data];
  while (open.length > 0) {
    const each = open.pop();
    if (typeof each === 'string' && (each.includes('\0') || !each.isWellFormed())) return false;
    if (typeof each === 'object' && each !== null) for (const [key, value] of Object.entries(each)) open.push(key, value);
  }
  return true;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
