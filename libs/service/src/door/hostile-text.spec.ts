import { globSync, readFileSync } from 'node:fs';
import { freshId } from '@tradecore/events';
import { mask } from '@tradecore/telemetry';
import { z } from 'zod';
import { RequestRefused } from './problems.ts';
import { validate } from './validated.ts';

/** The maximum size of a request body. */
const size = 65_000;
/** Maximum milliseconds for one text; a pattern that backtracks over 65,000 characters takes seconds. */
const limit = 100;

const root = new URL('../../../../', import.meta.url).pathname;
const files = globSync('{libs,services}/*/src/**/*.ts', { cwd: root }).filter(
  (path) => !path.endsWith('.spec.ts') && readFileSync(`${root}${path}`, 'utf8').includes("from 'zod'"),
);

/** Every input schema that any module exports, so that new ones are included. */
const schemas = new Map<string, z.ZodType>();
for (const path of files) {
  const exported = (await import(`${root}${path}`)) as Record<string, unknown>;
  for (const [name, value] of Object.entries(exported)) {
    if (value instanceof z.ZodType && !/Response$/.test(name)) schemas.set(`${path} ${name}`, value);
  }
}

interface Json {
  readonly [keyword: string]: unknown;
}

/** Values that fit a schema, as far as its JSON Schema tells: one for each variant. */
function samplesOf(schema: z.ZodType): unknown[] {
  const document = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Json;
  const definitions = (document['$defs'] ?? {}) as Record<string, Json>;
  const samples = ({ $ref, anyOf, oneOf, allOf, ...found }: Json): unknown[] => {
    if (typeof $ref === 'string') return samples(definitions[$ref.split('/').at(-1) ?? ''] ?? {});
    const variants = (anyOf ?? oneOf ?? allOf) as readonly Json[] | undefined;
    return variants ? variants.flatMap(samples) : [sample(found)];
  };
  const sample = ({ examples = [], enum: values = [], type, ...found }: Json): unknown => {
    const uuid = found['format'] === 'uuid' ? freshId() : undefined;
    const known = [uuid, ...[examples, values].flat(), found['const'], found['default']].find((each) => each !== undefined);
    if (known !== undefined) return known;
    if (type === 'array') return samples((found['items'] ?? {}) as Json).slice(0, 1);
    if (type !== 'object') return ['string', undefined].includes(type as string) ? 'x' : 1;
    const members = Object.entries((found['properties'] ?? {}) as Record<string, Json>);
    return Object.fromEntries(members.map(([name, member]) => [name, samples(member)[0]]));
  };
  return samples(document);
}

/** One copy of the value for each place where a text may stand, with the text there. */
function withText(value: unknown, text: string): unknown[] {
  if (typeof value !== 'object' || value === null) return [text];
  return Object.entries(value).flatMap(([name, member]) =>
    withText(member, text).map((changed) =>
      Array.isArray(value) ? value.with(Number(name), changed) : { ...value, [name]: changed },
    ),
  );
}

/** Texts that make a pattern backtrack from every position: long runs, with something before and after. */
const runs = [
  '0',
  '1',
  '9',
  'a',
  'Z',
  ' ',
  '-',
  '.',
  ',',
  ':',
  '/',
  '"',
  '=',
  '0.',
  '-0',
  '1,',
  'a-',
  'a.',
  'eyJ-',
  'wait=',
  '"",',
  'a://',
  '://a:',
];
const texts = runs.flatMap((run) =>
  ['', '0.'].flatMap((before) => ['', '1', '!'].map((after) => before + run.repeat(size / run.length) + after)),
);

/** Milliseconds of the faster of two runs: the garbage collector may interrupt one of them. */
function millisecondsOf(work: () => unknown): number {
  const once = (): number => {
    const started = performance.now();
    work();
    return performance.now() - started;
  };
  const first = once();
  return first < limit ? first : Math.min(first, once());
}

it('is tried on every module that has schemas, with values that fit', () => {
  expect(schemas.size).toBeGreaterThan(35);
  expect([...schemas.keys()].filter((name) => name.startsWith('libs/api/')).length).toBeGreaterThan(15);
  // An order cannot have every price at once; its fields are still tried.
  const wanted = [...schemas].filter(([name]) => /(Body|Path|Headers)$/.test(name) && !name.endsWith(' placeOrderBody'));
  const fits = wanted.map(([name, schema]) => [name, samplesOf(schema).some((each) => schema.safeParse(each).success)]);
  expect(fits).toEqual(wanted.map(([name]) => [name, true]));
  expect(fits.length).toBeGreaterThan(12);
});

it.each([...schemas])('%s checks a hostile text in linear time', (_name, schema) => {
  const slow = samplesOf(schema)
    .flatMap((each) => texts.map((text) => withText(each, text)))
    .flat()
    .find((value) => millisecondsOf(() => schema.safeParse(value)) > limit);
  expect(JSON.stringify(slow)?.slice(0, 300)).toBeUndefined();
});

it('is masked in a log line in linear time', () => {
  expect(texts.find((text) => millisecondsOf(() => mask(text)) > limit)?.slice(0, 300)).toBeUndefined();
});

it('in a request is refused before any schema sees it, wherever it is', () => {
  const greedy = z.looseObject({ a: z.string().regex(/0+$/) });
  const values = [
    { a: `${'0'.repeat(size)}1` },
    { a: { b: ['0'.repeat(1001)] } },
    { ['n'.repeat(30_000)]: Array.from({ length: 150 }, () => Array.from({ length: 100 }, () => 0)) },
  ];
  for (const value of values) {
    const refused = (): void => void validate(greedy, value, 'body');
    expect(refused).toThrow(RequestRefused);
    expect(millisecondsOf(() => expect(refused).toThrow())).toBeLessThan(limit);
  }
});
