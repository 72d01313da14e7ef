import type { PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { RequestRefused, type FieldFault } from './problems.ts';

/** The part of a request that a value is in. */
export type RequestPart = 'body' | 'query' | 'path' | 'header';

/**
 * Limits on depth, members of one object or array, characters of a text and of a name, and faults reported: a request
 * beyond them is refused before it costs anything, and no schema pattern ever sees a long text.
 */
const limits = { depth: 20, members: 200, text: 1000, name: 100, faults: 50 };

const pointerTo = (path: readonly PropertyKey[]): string =>
  ['#', ...path.map((each) => encodeURIComponent(String(each).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1')))].join(
    '/',
  );

/** PostgreSQL cannot store U+0000 or a lone surrogate: neither is accepted in any string. */
const isStorableText = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

const unstorable = 'contains a forbidden character: U+0000 or half a surrogate pair';

type Fault = Omit<FieldFault, 'in'>;

function* textFaults(text: string, fault: (detail: string, code: string) => Fault): Generator<Fault> {
  if (text.length > limits.text) yield fault(`is longer than ${limits.text} characters`, 'too-large');
  else if (!isStorableText(text)) yield fault(unstorable, 'forbidden-character');
}

/** Faults that schemas need not check: unstorable or long text in values and names, too deep, too many members. */
function* hardFaults(value: unknown, path: readonly PropertyKey[] = []): Generator<Fault> {
  const fault = (detail: string, code: string, at = path) => ({ pointer: pointerTo(at), detail, code });
  if (typeof value === 'string') return yield* textFaults(value, fault);
  if (typeof value !== 'object' || value === null) return;
  const members = Object.entries(value);
  if (path.length >= limits.depth) return yield fault(`is nested deeper than ${limits.depth}`, 'too-deep');
  if (members.length > limits.members) return yield fault(`has more than ${limits.members} members`, 'too-many-members');
  for (const [name, member] of members) {
    if (name.length > limits.name) return yield fault(`has a name longer than ${limits.name} characters`, 'too-large');
    if (!isStorableText(name)) yield fault(unstorable, 'forbidden-character', [...path, name]);
    yield* hardFaults(member, [...path, name]);
  }
}

/** Only the first of those faults: a request with thousands needs no full list. */
function hardFaultsOf(value: unknown): Fault[] {
  const faults: Fault[] = [];
  for (const fault of hardFaults(value)) if (faults.push(fault) === limits.faults) break;
  return faults;
}

/** Only the headers that the schema checks: a token may be longer than any text. */
function checkedBy(schema: z.ZodType, headers: unknown): unknown {
  const { shape } = schema as Partial<z.ZodObject>;
  return shape ? Object.fromEntries(Object.entries(headers as object).filter(([name]) => name in shape)) : headers;
}

const codes: Partial<Record<z.core.$ZodIssue['code'], string>> = {
  invalid_type: 'wrong-type',
  invalid_format: 'invalid-format',
  invalid_value: 'not-one-of',
  too_small: 'too-small',
  too_big: 'too-large',
  invalid_union: 'no-variant-fits',
};

/** A zod issue as faults; each unknown field is a fault, and an absent field is `missing`. */
function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      pointer: pointerTo([...issue.path, key]),
      detail: 'is not a field of this request',
      code: 'unknown-field',
    }));
  }
  const pointer = pointerTo(issue.path);
  if (issue.input === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_value')) {
    return [{ pointer, detail: 'is missing', code: 'missing' }];
  }
  const own = issue.code === 'custom' ? (issue.params?.['code'] as string | undefined) : undefined;
  return [{ pointer, detail: issue.message, code: own ?? codes[issue.code] ?? 'invalid' }];
}

/** Checks `value` with `schema`; throws `RequestRefused` 400 `invalid-request` with every fault's pointer. */
export function validate<S extends z.ZodType>(schema: S, value: unknown, part: RequestPart): z.output<S> {
  const place = part === 'body' ? {} : { in: part };
  const refuse = (faults: readonly Fault[]): never => {
    const errors = faults.slice(0, limits.faults).map((fault) => ({ ...fault, ...place }));
    const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
    throw new RequestRefused(400, 'invalid-request', `The ${part} of the request has ${count}.`, { errors });
  };
  const checked = part === 'header' ? checkedBy(schema, value) : value;
  const hard = hardFaultsOf(checked);
  if (hard.length > 0) refuse(hard);
  const parsed = schema.safeParse(checked, { reportInput: true });
  return parsed.success ? parsed.data : refuse(parsed.error.issues.flatMap(faultsOf));
}

/**
 * A pipe for one part of a request: `@Body(validated(placeOrderBody)) body: PlaceOrderBody`, `@Query(validated(page,
 * 'query'))`.
 */
export const validated = (schema: z.ZodType, part: RequestPart = 'body'): PipeTransform => ({
  transform: (value: unknown) => validate(schema, value, part),
});
