import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { catalogue } from './catalogue.ts';
import type { Event } from './event.ts';
import { OrderCancelRequested, OrderPlaced } from './orders.ts';
import { recordedSample, sampleTerms } from './testing.ts';
import { upcast } from './upcast.ts';

/**
 * One event of each class with every field that it has, in today's shape; data of every class must be here or this file fails.
 * A new version changes the sample, adds `golden/<Type>.v<N>.json` and its fingerprint, and leaves all old files as they are.
 */
const today: readonly Event[] = [
  new OrderPlaced(sampleTerms({ type: 'stopLimit', stopPrice: '100.25' })),
  new OrderCancelRequested({ reason: 'changed my mind' }),
];

/** SHA-256 of every golden file ever written. Lines are added, never changed. */
const fingerprints: Readonly<Record<string, string>> = {
  'OrderCancelRequested.v1.json': '1bd118f8812d13f4a50a5051afe9c4d3a20e238dcf5ecbaea66c51947f75617a',
  'OrderPlaced.v1.json': 'f815cd6eb08a7ca035a66a1de3766d1fe69665588cfc7805c1c6e317ec29d3f6',
};

const folder = new URL('../golden/', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, folder), 'utf8');
const parsed = (file: string) => JSON.parse(read(file)) as { type: string; schemaVersion: number; data: object };
const declared = Object.values(catalogue).flatMap(({ type: aggregateType, events }) =>
  events.map(({ type, schemaVersion }) => ({ aggregateType, type, schemaVersion })),
);

describe('what ten years of stored events look like', () => {
  it('is one golden file for each version of each event, and no file more', () => {
    const expected = declared.flatMap(({ type, schemaVersion }) =>
      Array.from({ length: schemaVersion }, (_, index) => `${type}.v${index + 1}.json`),
    );
    expect(readdirSync(folder).sort()).toEqual(expected.sort());
    expect(Object.keys(fingerprints).sort()).toEqual(expected);
  });

  it.each(Object.entries(fingerprints))('%s is what it always was', (file, fingerprint) => {
    expect(createHash('sha256').update(read(file)).digest('hex')).toBe(fingerprint);
  });

  it.each(declared)('$type is written today exactly as its newest golden file says', ({ type, schemaVersion }) => {
    const event = today.find((each) => each.type === type);
    expect(JSON.parse(JSON.stringify(event))).toEqual(parsed(`${type}.v${schemaVersion}.json`));
  });

  it.each(Object.keys(fingerprints))('%s comes up to the newest shape', (file) => {
    const old = parsed(file);
    const { aggregateType } = declared.find(({ type }) => type === old.type) ?? {};
    const event = today.find(({ type }) => type === old.type);
    const risen = upcast(catalogue, recordedSample(old, { aggregateType: aggregateType as string }));
    expect(risen).toMatchObject({ schemaVersion: event?.schemaVersion });
    expect(Object.keys(risen.data).sort()).toEqual(Object.keys(event?.data ?? {}).sort());
  });
});
