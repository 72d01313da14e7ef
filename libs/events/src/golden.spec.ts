import { createHash } from 'node:crypto';
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { catalogue } from './catalogue.ts';
import type { Event } from './event.ts';
import {
  accountSamples,
  brokerOrderSamples,
  controlSamples,
  correctionSamples,
  operationSamples,
  orderKeySamples,
  orderSamples,
  placementSamples,
  recordedSample,
} from './testing.ts';
import { upcast } from './upcast.ts';

/**
 * One event of each class with every field that it may have, in today's shape; a missing class does not compile. A new
 * version changes the sample, adds `golden/<Type>.v<N>.json` and its fingerprint, and leaves all old files unchanged.
 */
const today: readonly Event[] = [
  orderSamples,
  accountSamples,
  controlSamples,
  correctionSamples,
  operationSamples,
  orderKeySamples,
  brokerOrderSamples,
  placementSamples,
].flatMap((each) => Object.values<Event>(each));

const folder = new URL('../golden/', import.meta.url);
const seal = new URL('../golden.sha256', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, folder), 'utf8');
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Writes missing golden files and fingerprints: only with `UPDATE_GOLDEN=1`, and never over existing ones. */
function writeMissing(): void {
  const sealed = readFileSync(seal, 'utf8');
  for (const { type, schemaVersion, data } of today) {
    const file = `${type}.v${schemaVersion}.json`;
    if (sealed.includes(` golden/${file}\n`)) continue;
    const text = `${JSON.stringify({ type, schemaVersion, data }, null, 2)}\n`;
    writeFileSync(new URL(file, folder), text);
    appendFileSync(seal, `${sha256(text)}  golden/${file}\n`);
  }
}
if (process.env['UPDATE_GOLDEN']) writeMissing();

/** SHA-256 of every golden file ever written (`sha256sum -c golden.sha256`): lines are added, never changed. */
const fingerprints = Object.fromEntries(
  readFileSync(seal, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split('  golden/').reverse() as [string, string]),
);
const parsed = (file: string) => JSON.parse(read(file)) as { type: string; schemaVersion: number; data: object };
const declared = Object.values(catalogue).flatMap(({ type: aggregateType, events }) =>
  events.map(({ type, schemaVersion }) => ({ aggregateType, type, schemaVersion })),
);

describe('the stored events of ten years', () => {
  it('have exactly one golden file for each version of each event', () => {
    const expected = declared.flatMap(({ type, schemaVersion }) =>
      Array.from({ length: schemaVersion }, (_, index) => `${type}.v${index + 1}.json`),
    );
    expect(readdirSync(folder).sort()).toEqual(expected.sort());
    expect(Object.keys(fingerprints).sort()).toEqual(expected.sort());
  });

  it.each(Object.entries(fingerprints))('%s is unchanged', (file, fingerprint) => {
    expect(sha256(read(file))).toBe(fingerprint);
  });

  it.each(declared)('$type is written exactly as in its newest golden file', ({ type, schemaVersion }) => {
    const event = today.find((each) => each.type === type);
    expect(JSON.parse(JSON.stringify(event))).toEqual(parsed(`${type}.v${schemaVersion}.json`));
  });

  it.each(Object.keys(fingerprints))('%s can be upcast to the newest shape', (file) => {
    const old = parsed(file);
    const { aggregateType } = declared.find(({ type }) => type === old.type) ?? {};
    const event = today.find(({ type }) => type === old.type);
    const risen = upcast(catalogue, recordedSample(old, { aggregateType: aggregateType as string }));
    expect(risen).toMatchObject({ schemaVersion: event?.schemaVersion });
    expect(Object.keys(risen.data).sort()).toEqual(Object.keys(event?.data ?? {}).sort());
  });
});
