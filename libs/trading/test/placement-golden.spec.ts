import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Event } from '@tradecore/events';
import { inShort, orderId, PlacementStory, type Happening } from './placement-story.ts';
import { stories } from './placement-stories.ts';

/**
 * What sagas of released versions decided: what happened, when, and each event that followed. A saga that is under way was decided by that code, and
 * its steps are out: code that decides otherwise would ask twice, under other names, or not at all. A file is never changed once it is released;
 * a decision that has to change needs a new version of PlacementStarted, by which the code tells old sagas from new ones, and files of that version.
 */
interface Golden {
  readonly orderId: string;
  readonly moments: readonly { readonly happened: Happening; readonly decided: readonly Event[] }[];
}

const folder = new URL('../golden/placements/', import.meta.url);
const plain = (events: readonly Event[]): unknown =>
  JSON.parse(JSON.stringify(events.map(({ type, schemaVersion, data }) => ({ type, schemaVersion, data }))));

/** Writes the histories of stories that have none yet; `UPDATE_GOLDEN=1` only, and never over a file that is there. */
function writeMissing(): void {
  mkdirSync(folder, { recursive: true });
  for (const story of stories()) {
    const file = new URL(`${story.name}.v1.json`, folder);
    if (existsSync(file)) continue;
    const moments = story.happenings.map((happened, index) => ({ happened, decided: plain(story.decided[index] ?? []) }));
    writeFileSync(file, `${JSON.stringify({ orderId, moments }, null, 1)}\n`);
  }
}

if (process.env['UPDATE_GOLDEN']) writeMissing();
const files = existsSync(folder) ? readdirSync(folder) : [];

describe('sagas that are under way', () => {
  it('are remembered, one history for each story', () => {
    expect(files.map((file) => file.replace('.v1.json', '')).sort()).toEqual(
      stories()
        .map(({ name }) => name)
        .sort(),
    );
  });

  it.each(files)('%s is decided as it was: a saga under way would break otherwise', (file) => {
    const golden = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Golden;
    const story = new PlacementStory(file);
    for (const { happened, decided } of golden.moments) {
      story.happens(happened);
      expect(plain(story.decided.at(-1) ?? [])).toEqual(decided);
    }
    expect(story.said.map(String)).toEqual((golden.moments.at(-1)?.decided ?? []).map(inShort));
  });

  it('a decision that differs is seen', () => {
    const golden = JSON.parse(readFileSync(new URL(files[0] as string, folder), 'utf8')) as Golden;
    const story = new PlacementStory();
    const [first] = golden.moments;
    story.happens({ ...(first?.happened as Extract<Happening, { hear: unknown }>), now: '2026-01-02T09:00:01.000Z' });
    expect(plain(story.decided[0] ?? [])).not.toEqual(first?.decided);
  });
});
