import type { Catalogue, Upcast } from './catalogue.ts';
import type { RecordedEvent } from './recorded-event.ts';

/** The store or a topic holds an event that this build does not know: from a newer writer, or a foreign record. */
export class UnknownEvent extends Error {
  override readonly name = 'UnknownEvent';
  constructor({ aggregateType, type, schemaVersion }: RecordedEvent, why: string) {
    super(`${aggregateType} ${type} version ${schemaVersion} can't be read: ${why}`);
  }
}

/**
 * Brings a stored event to the newest version of its shape, step by step.
 * Throws `UnknownEvent` for a type, a version or a missing step that the catalogue does not have.
 */
export function upcast(catalogue: Catalogue, recorded: RecordedEvent): RecordedEvent {
  const { steps, newest } = shapeOf(catalogue, recorded);
  if (recorded.schemaVersion > newest || recorded.schemaVersion < 1) {
    throw new UnknownEvent(recorded, `this build knows 1 to ${newest}`);
  }
  if (recorded.schemaVersion === newest) return recorded;
  let data = recorded.data as Record<string, unknown>;
  for (let version = recorded.schemaVersion; version < newest; version += 1) data = step(recorded, steps, version)(data);
  return { ...recorded, schemaVersion: newest, data };
}

/** The newest version of the event's shape, and the steps to it. */
function shapeOf(catalogue: Catalogue, recorded: RecordedEvent) {
  const declaration = own(catalogue, recorded.aggregateType);
  const newest = declaration?.events.find(({ type }) => type === recorded.type)?.schemaVersion;
  if (!declaration || newest === undefined) throw new UnknownEvent(recorded, 'no such type in the catalogue');
  return { newest, steps: own(declaration.upcasts ?? {}, recorded.type) ?? {} };
}

/** Names come from topics: `constructor` or `__proto__` must not be found. */
const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

function step(recorded: RecordedEvent, steps: Readonly<Record<number, Upcast>>, version: number): Upcast {
  const found = steps[version];
  if (!found) throw new UnknownEvent(recorded, `no upcast from version ${version} to ${version + 1}`);
  return found;
}
