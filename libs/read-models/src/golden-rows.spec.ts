import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { catalogue, type RecordedEvent } from '@tradecore/events';
import { declarationOf, isProjector } from '@tradecore/consumers';
import { foldHistory } from '@tradecore/consumers/testing';
import * as readModels from './index.ts';

/**
 * Stored histories in the shapes of their day, and the rows that each projector makes of each. Neither is ever edited:
 * an event type that a projector starts to fold goes into another history, and changed rows are a new version.
 */
const golden = new URL('../golden/', import.meta.url);
const histories = readdirSync(new URL('histories/', golden)).map((file): [string, RecordedEvent[]] => [
  file.replace('.json', ''),
  JSON.parse(readFileSync(new URL(`histories/${file}`, golden), 'utf8')) as RecordedEvent[],
]);
const projectors = Object.values(readModels)
  .filter((each) => isProjector(each))
  .map((projector) => ({ projector, ...declarationOf(projector) }));

/** The file of a history; `UPDATE_GOLDEN=1` writes missing files, and never overwrites. */
function kept(name: string, made: object): unknown {
  const file = new URL(`rows/${name}.json`, golden);
  if (process.env['UPDATE_GOLDEN'] && !existsSync(file)) writeFileSync(file, `${JSON.stringify(made, null, 1)}\n`);
  return JSON.parse(readFileSync(file, 'utf8'));
}

describe.each(projectors)('version $version of the $name', ({ projector, name, version, topics, handles }) => {
  const ofItsTopics = (events: readonly RecordedEvent[]) =>
    events.filter(({ aggregateType }) => topics.includes(catalogue[aggregateType]?.topic ?? ''));

  it.each(histories)(
    'makes the same rows of %s as before (else raise `version`: UPDATE_GOLDEN=1 makes the new file)',
    (of, events) => {
      const made = foldHistory(projector, catalogue, ofItsTopics(events));
      expect(JSON.parse(JSON.stringify(made))).toEqual(kept(`${name}.v${version}.${of}`, made));
    },
  );

  it('finds in these histories every event that it folds', () => {
    const folded = Object.values(catalogue)
      .filter(({ topic }) => topics.includes(topic))
      .flatMap(({ events }) => events.map(({ type }) => type))
      .filter((type) => handles(type));
    const met = new Set(histories.flatMap(([, events]) => events.map(({ type }) => type)));
    expect(folded.filter((type) => !met.has(type))).toEqual([]);
    expect(folded).not.toEqual([]);
  });
});

it('there is no superfluous file of rows', () => {
  const known = projectors.map(({ name, version }) => [name, version] as const);
  const files = readdirSync(new URL('rows/', golden));
  const strange = files.filter((file) => !known.some(([name, version]) => isOf(file, name, version)));
  expect(strange).toEqual([]);
  expect(projectors.length).toBeGreaterThan(3);
});

/** Whether it is of this or an earlier version of the projector. */
function isOf(file: string, projector: string, version: number): boolean {
  const [name, of = ''] = file.split('.');
  return name === projector && Number(of.slice(1)) <= version;
}
