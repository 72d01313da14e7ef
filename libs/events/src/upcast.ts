import type { Catalogue } from './catalogue.ts';
import type { RecordedEvent } from './recorded-event.ts';

/** The store or a topic holds an event that this build does not know: a newer writer, or a foreign record. */
export class UnknownEvent extends Error {
  override readonly name = 'UnknownEvent';
  constructor(aggregateType: string, type: string, schemaVersion: number, why: string) {
    super(`${aggregateType} ${type} version ${schemaVersion} can't be read: ${why}`);
  }
}

/**
 * Brings a stored event to the newest version of its shape, step by step.
 * Throws `UnknownEvent` for a type, a version or a missing step that the catalogue does not have.
 */
export function upcast(catalogue: Catalogue, recorded: RecordedEvent): RecordedEvent {
  const { aggregateType, type, schemaVersion } = recorded;
  const declaration = catalogue[aggregateType];
  const newest = declaration?.events.find((each) => each.type === type);
  if (!declaration || !newest) throw new UnknownEvent(aggregateType, type, schemaVersion, 'no such type in the catalogue');
  if (schemaVersion > newest.schemaVersion || schemaVersion < 1) {
    throw new UnknownEvent(aggregateType, type, schemaVersion, `this build knows 1 to ${newest.schemaVersion}`);
  }
  if (schemaVersion === newest.schemaVersion) return recorded;
  let data = recorded.data as Record<string, unknown>;
  for (let version = schemaVersion; version < newest.schemaVersion; version += 1) {
    const step = declaration.upcasts?.[type]?.[version];
    if (!step) throw new UnknownEvent(aggregateType, type, version, `no upcast from version ${version} to ${version + 1}`);
    data = step(data);
  }
  return { ...recorded, schemaVersion: newest.schemaVersion, data };
}
