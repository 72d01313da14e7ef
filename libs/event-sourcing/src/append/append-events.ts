import { isUuid } from '@tradecore/events';
import type { PreparedEvent, Save } from './save.ts';
import type { Conflict, TakenId } from '../store/store-errors.ts';

/** The verdict on one save. */
export type Verdict =
  | { readonly outcome: 'stored'; readonly time: string }
  /** All its decisions are already in the store. */
  | { readonly outcome: 'repeated' }
  /** Some of its event ids are already in the store, but it is not a repeat. */
  | { readonly outcome: 'taken'; readonly taken: readonly TakenId[] }
  /** Every part decided on a version other than the store's. */
  | { readonly outcome: 'conflict'; readonly conflicts: readonly Conflict[] }
  /** `heads`: existing aggregates that another save holds. */
  | { readonly outcome: 'busy'; readonly heads: readonly string[] }
  | { readonly outcome: 'invalid'; readonly reason: string };

/** A row of `append_events`; numbers of parts and events count from 1 over all saves of the call. */
type VerdictRow =
  | { readonly verdict: 'stored'; readonly stored_at: string }
  /** Event numbers, and the aggregate that has the id. */
  | { readonly verdict: 'present'; readonly detail: readonly (readonly [number, string])[] }
  /** Part numbers, and the version found. */
  | { readonly verdict: 'conflict'; readonly detail: readonly (readonly [number, number])[] }
  /** Numbers of parts whose head is held; null: something else is. */
  | { readonly verdict: 'busy'; readonly detail: readonly number[] | null }
  | { readonly verdict: 'invalid'; readonly detail: string };

const call =
  'public.append_events($1::int[], $2::uuid[], $3::text[], $4::int[], $5::int[], $6::uuid[], $7::text[], $8::jsonb, $9::int) a';

/** The call, and the same with texts (`$10`), which are kept where their save is stored. */
const statements = {
  append_events: `select verdict, stored_at, detail from ${call}`,
  append_with_texts: `select verdict, stored_at, detail, case verdict when 'stored' then public.keep_texts($10::jsonb, save) end from ${call}`,
};

/** The call as a statement for both drivers: `waitMs` null never waits for a lock. */
export function appendCall(saves: readonly Save[], waitMs: number | null) {
  const texts = saves.flatMap(({ parts }, index) =>
    parts.flatMap(({ events }) => events.flatMap((event) => textsOf(event).map((text) => ({ save: index + 1, ...text })))),
  );
  const values = appendParameters(saves, waitMs);
  const name = texts.length === 0 ? 'append_events' : 'append_with_texts';
  return { name, text: statements[name], values: texts.length === 0 ? values : [...values, JSON.stringify(texts)] };
}

/** The rows of an event's texts; services are no persons. */
function textsOf({ texts, origin }: PreparedEvent) {
  const { actor = '' } = origin.metadata;
  return texts.map(({ ref, salt, text }) => ({ ref, salt, text, ...(isUuid(actor) && { person: actor }) }));
}

/** Array literals are written by hand: ids and declared names need no quoting. */
function appendParameters(saves: readonly Save[], waitMs: number | null): unknown[] {
  const numbers: number[] = [];
  const ids: string[] = [];
  const types: string[] = [];
  const versions: number[] = [];
  const eventParts: number[] = [];
  const eventIds: string[] = [];
  const eventTypes: string[] = [];
  const events: string[] = [];
  for (const [index, { parts }] of saves.entries()) {
    for (const part of parts) {
      numbers.push(index + 1);
      ids.push(part.id);
      types.push(`"${part.type}"`);
      versions.push(part.expected);
      for (const { id, type, json } of part.events) {
        eventParts.push(numbers.length);
        eventIds.push(id);
        eventTypes.push(`"${type}"`);
        events.push(json);
      }
    }
  }
  const arrays = [numbers, ids, types, versions, eventParts, eventIds, eventTypes].map((values) => `{${values.join(',')}}`);
  return [...arrays, `[${events.join(',')}]`, waitMs];
}

/** The verdicts, in the order of the saves. */
export function toVerdicts(saves: readonly Save[], rows: readonly unknown[]): Verdict[] {
  if (rows.length !== saves.length) throw new Error(`append_events returned ${rows.length} verdicts for ${saves.length} saves`);
  const parts = saves.flatMap((save) => save.parts);
  const events = parts.flatMap((part) => part.events);
  return saves.map((save, index) => toVerdict(save, rows[index] as VerdictRow, { parts, events }));
}

interface Sent {
  readonly parts: Save['parts'];
  readonly events: readonly PreparedEvent[];
}

function toVerdict(save: Save, row: VerdictRow, { parts, events }: Sent): Verdict {
  switch (row.verdict) {
    case 'stored':
      return { outcome: 'stored', time: row.stored_at };
    case 'present':
      return ofPresentIds(save, new Map(row.detail.map(([number, holder]) => [numbered(events, number).id, holder])));
    case 'conflict': {
      const conflicts = row.detail.map(([number, found]) => {
        const { id: aggregateId, expected } = numbered(parts, number);
        return { aggregateId, expected, found };
      });
      return { outcome: 'conflict', conflicts };
    }
    case 'busy':
      return { outcome: 'busy', heads: (row.detail ?? []).map((number) => numbered(parts, number).id) };
    case 'invalid':
      return { outcome: 'invalid', reason: row.detail };
  }
}

function numbered<T>(all: readonly T[], number: number): T {
  const found = all[number - 1];
  if (found === undefined) throw new Error(`append_events names number ${number} of ${all.length}`);
  return found;
}

/**
 * The verdict when some events of a save are already in the store; `holders`: by event id, the aggregate that has it. A
 * decision is recognised by its first event in any of its aggregates: decided again, it may yield fewer or more events,
 * or further aggregates.
 */
export function ofPresentIds({ parts }: Save, holders: ReadonlyMap<string, string>): Verdict {
  const events = parts.flatMap((part) => part.events);
  const isRepeat = ({ id, aggregateId, leads }: PreparedEvent): boolean => leads && holders.get(id) === aggregateId;
  const known = new Set(events.filter(isRepeat).map(({ decision }) => decision));
  if (events.every(({ decision }) => known.has(decision))) return { outcome: 'repeated' };
  const taken = events.flatMap(({ id: eventId, aggregateId }) => {
    const takenBy = holders.get(eventId);
    return takenBy === undefined ? [] : [{ eventId, aggregateId, takenBy }];
  });
  return { outcome: 'taken', taken };
}
