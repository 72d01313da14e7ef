import type { Save } from './save.ts';

/** What `append_events` decided about one save. */
export type Verdict =
  | { readonly outcome: 'stored'; readonly time: string }
  | { readonly outcome: 'repeated' }
  | { readonly outcome: 'conflict'; readonly aggregateId: string; readonly expected: number; readonly found: number }
  | { readonly outcome: 'busy' }
  | { readonly outcome: 'invalid'; readonly reason: string };

interface VerdictRow {
  readonly verdict: Verdict['outcome'];
  readonly stored_at: string | null;
  readonly part: number | null;
  readonly found: number | null;
  readonly reason: string | null;
}

/** The call, as text for both drivers' ways of running it. */
export const appendSql = `select verdict, stored_at, part, found, reason
  from public.append_events($1::int[], $2::uuid[], $3::text[], $4::int[], $5::int[], $6::uuid[], $7::jsonb, $8::int)`;

/** The parameters of `appendSql`: `waitMs` null never waits for a lock. Array literals by hand: ids and declared names need no quoting. */
export function appendParameters(saves: readonly Save[], waitMs: number | null): unknown[] {
  const numbers: number[] = [];
  const ids: string[] = [];
  const types: string[] = [];
  const versions: number[] = [];
  const eventParts: number[] = [];
  const eventIds: string[] = [];
  const events: string[] = [];
  for (const [index, { parts }] of saves.entries()) {
    for (const part of parts) {
      numbers.push(index + 1);
      ids.push(part.aggregateId);
      types.push(`"${part.aggregateType}"`);
      versions.push(part.expected);
      for (const { id, json } of part.events) {
        eventParts.push(numbers.length);
        eventIds.push(id);
        events.push(json);
      }
    }
  }
  const arrays = [numbers, ids, types, versions, eventParts, eventIds].map((values) => `{${values.join(',')}}`);
  return [...arrays, `[${events.join(',')}]`, waitMs];
}

/** The verdicts in the order of the saves. */
export function toVerdicts(saves: readonly Save[], rows: readonly VerdictRow[]): Verdict[] {
  if (rows.length !== saves.length) throw new Error(`append_events gave ${rows.length} verdicts for ${saves.length} saves`);
  const parts = saves.flatMap((save) => save.parts);
  return rows.map((row) => toVerdict(row, parts));
}

function toVerdict(row: VerdictRow, parts: Save['parts']): Verdict {
  const { verdict: outcome } = row;
  if (outcome === 'stored') return { outcome, time: row.stored_at ?? '' };
  if (outcome === 'invalid') return { outcome, reason: row.reason ?? '' };
  if (outcome !== 'conflict') return { outcome };
  const part = parts[(row.part ?? 0) - 1];
  if (!part) throw new Error(`append_events names part ${row.part} of ${parts.length}`);
  return { outcome, aggregateId: part.aggregateId, expected: part.expected, found: row.found ?? 0 };
}

/** What a failed call says about its saves. */
export type Failure = 'lost' | 'locked' | 'other';

/**
 * `lost`: the connection broke or the answer did not come, so that nobody knows; `locked`: nothing is stored, a lock could not be had in
 * time; `other`: nothing is stored, and a call with other values may go well. Only the server's errors have a severity.
 */
export function failureOf(error: unknown): Failure {
  const { severity, code = '' } = (error ?? {}) as { severity?: string; code?: string };
  // 08 connection, 57P0x shut down, crashed, starting.
  if (severity === undefined || code.startsWith('08') || code.startsWith('57P')) return 'lost';
  // Lock timeout, deadlock, statement timeout or cancel.
  return ['55P03', '40P01', '57014'].includes(code) ? 'locked' : 'other';
}
