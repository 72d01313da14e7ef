import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { RecordedEvent } from '@tradecore/events';
import { Account, Order, OrderPlacement, orderPlacementProcess } from '../src/index.ts';
import { accountId, orderId, saveOf, type Entry } from './placement-story.ts';
import { kept } from './placement-stories.ts';

/** A stored history. While its file exists, the code must decide the same events. */
interface Journal {
  readonly says: string;
  readonly entries: readonly Entry[];
}

const folder = new URL('../golden/placements/', import.meta.url);
const fileOf = (name: string): URL => new URL(`${name}.v1.json`, folder);
const asJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** Writes missing histories, only with `UPDATE_GOLDEN=1`; never overwrites. */
if (process.env['UPDATE_GOLDEN']) {
  for (const { name, says, story } of kept.filter((each) => !existsSync(fileOf(each.name)))) {
    writeFileSync(fileOf(name), `${JSON.stringify({ says, entries: story().entries }, null, 1)}\n`);
  }
}

const files = readdirSync(folder).map((file) => file.replace('.v1.json', ''));
const journalOf = (name: string): Journal => JSON.parse(readFileSync(fileOf(name), 'utf8')) as Journal;

describe('stored histories of placements', () => {
  it('are at least ten, each with its file', () => {
    expect(files.sort()).toEqual(kept.map(({ name }) => name).sort());
    expect(files.length).toBeGreaterThanOrEqual(10);
    expect(files.flatMap((name) => journalOf(name).entries).some((entry) => isInput(entry) && eventsOf(entry).length === 0)).toBe(
      true,
    );
  });

  it.each(kept)('$name: $says', ({ name, says, story }) => {
    expect(asJson({ says, entries: story().entries })).toEqual(journalOf(name));
  });

  it.each(files)('%s is decided as before, from the stored events and at the versions seen', (name) => {
    const [order, account] = [new Order(orderId), new Account(accountId)];
    const placement = new OrderPlacement(idOfPlacement(journalOf(name)));
    const aggregates = [order, account, placement] as never;
    for (const entry of journalOf(name).entries) {
      expect({ order: order.version, account: account.version, placement: placement.version }).toEqual(entry.saw);
      if (isInput(entry)) {
        const decided = entry.input
          ? orderPlacementProcess.decide(entry.input, aggregates, entry.now)
          : orderPlacementProcess.onDeadline(aggregates, new Set(entry.received), entry.now);
        expect(asJson(saveOf(decided))).toEqual({ order: entry.order, account: entry.account, placement: entry.placement });
      }
      order.replay(entry.order);
      account.replay(entry.account);
      placement.replay(entry.placement);
    }
  });
});

const isInput = ({ input, received }: Entry): boolean => input !== undefined || received !== undefined;
const eventsOf = ({ order, account, placement }: Entry) => [...order, ...account, ...placement];

/** The placement of the order in the first input of a history. */
function idOfPlacement({ entries }: Journal): string {
  const input = entries.find((each) => each.input)?.input as RecordedEvent;
  return orderPlacementProcess.idsOf(input)?.[2] as string;
}
