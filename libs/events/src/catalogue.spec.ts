import { catalogue } from './catalogue.ts';
import { feedChanges } from './feed-changes.ts';
import { topics } from './topics.ts';

const declarations = Object.entries(catalogue);

describe('the catalogue', () => {
  it.each(declarations)('%s is listed under its own name and writes to a topic of the relay', (name, declaration) => {
    expect(declaration.type).toBe(name);
    const topic = Object.values(topics).find((each) => each.name === declaration.topic);
    expect(topic?.writer).toBe('relay');
  });

  it.each(declarations)(
    '%s lists a writing service for each of its events, and lists no other events',
    (_, { events, writers }) => {
      const written = Object.values(writers).flatMap((each) => each);
      expect(new Set(written)).toEqual(new Set(events));
      for (const own of Object.values(writers)) expect(new Set(own).size).toBe(own.length);
    },
  );

  it.each(declarations)('%s has no two events with the same name, and an upcast for each older version', (_, declaration) => {
    const names = declaration.events.map(({ type }) => type);
    expect(new Set(names).size).toBe(names.length);
    for (const { type, schemaVersion } of declaration.events) {
      const steps = Object.keys(declaration.upcasts?.[type] ?? {}).map(Number);
      expect(steps).toEqual(Array.from({ length: schemaVersion - 1 }, (_each, index) => index + 1));
    }
  });
});

describe('the feed', () => {
  it('shows only events of the catalogue', () => {
    const types = declarations.flatMap(([, { events }]) => events.map(({ type }) => type));
    expect(types).toEqual(expect.arrayContaining(Object.keys(feedChanges)));
  });
});

describe('the topics', () => {
  it('have one declaration for each name, and either a retention or compaction', () => {
    const all = Object.values(topics);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const topic of all) expect('retentionMs' in topic).toBe(!('compacted' in topic));
  });
});
