import { writtenBy, type Catalogue } from './catalogue.ts';
import { event } from './event.ts';
import { recordedSample } from './testing.ts';
import { UnknownEvent, upcast } from './upcast.ts';

class Renamed extends event('Renamed', 3)<{ full: string; by: string }> {}

const catalogue: Catalogue = {
  Person: {
    type: 'Person',
    topic: 'transport.person-events',
    ...writtenBy('nobody', [Renamed]),
    upcasts: {
      Renamed: {
        1: ({ name }) => ({ full: name }),
        2: (data) => ({ ...data, by: 'unknown' }),
      },
    },
  },
};
const stored = (schemaVersion: number, data: object) =>
  recordedSample({ type: 'Renamed', schemaVersion, data }, { aggregateType: 'Person' });

describe('an upcast', () => {
  it('goes step by step from the oldest version to the newest', () => {
    const read = upcast(catalogue, stored(1, { name: 'Ada' }));
    expect(read).toMatchObject({ schemaVersion: 3, data: { full: 'Ada', by: 'unknown' } });
  });

  it('starts in the middle', () => {
    expect(upcast(catalogue, stored(2, { full: 'Ada' })).data).toEqual({ full: 'Ada', by: 'unknown' });
  });

  it('leaves the newest version alone', () => {
    const newest = stored(3, { full: 'Ada', by: 'Bob' });
    expect(upcast(catalogue, newest)).toBe(newest);
  });

  it.each([
    ['a version from the future', stored(4, {})],
    ['version zero', stored(0, {})],
    ['an unknown type', { ...stored(1, {}), type: 'Married' }],
    ['an unknown aggregate', { ...stored(1, {}), aggregateType: 'Robot' }],
    ['a name that every object has', { ...stored(1, {}), aggregateType: 'constructor' }],
  ])('refuses %s', (_, recorded) => {
    expect(() => upcast(catalogue, recorded)).toThrow(UnknownEvent);
  });

  it('names a step that is missing', () => {
    const { Person } = catalogue;
    const holed: Catalogue = { Person: { ...Person!, upcasts: { Renamed: { 1: (data) => data } } } };
    expect(() => upcast(holed, stored(1, {}))).toThrow('no upcast from version 2 to 3');
  });
});
