import { readFileSync } from 'node:fs';
import { catalogue } from '@tradecore/events';
import { stepRules } from '../src/index.ts';
import { broker, PlacementStory } from './placement-story.ts';
import { printed, table } from './printed.ts';
import { reactions } from '../src/placement/order-placement.process.ts';
import { stuckEveryMs } from '../src/placement/order-placement.steps.ts';

const { placed, working } = PlacementStory;
type Word = ReturnType<typeof wordsOf>[keyof ReturnType<typeof wordsOf>];

/** Each input from the brokerage about a revision, in the order of the page; `e1` has already traded. */
function wordsOf(revision: number) {
  const say = broker(revision);
  return {
    BrokerOrderAccepted: say.accepted(),
    ExecutionReported: say.fill('e2', '1'),
    ExecutionBusted: say.bust('e1'),
    ExecutionCorrected: say.correct('e1', '3'),
    BrokerOrderDoneForDay: say.doneForDay(),
    BrokerOrderSuspended: say.suspended(),
    BrokerOrderResumed: say.resumed(),
    BrokerOrderRejected: say.rejected(),
    BrokerOrderLapsed: say.lapsed(),
    BrokerOrderExpired: say.expired(),
    BrokerOrderCanceled: say.canceled(),
    BrokerOrderReplaced: say.replaced(),
    BrokerReplaceRejected: say.replaceRejected(),
    BrokerOutcomeUnknown: say.unknown(),
    BrokerOutcomeUnresolved: say.unresolved(),
  };
}

const traded = () => working().handles(broker(1).fill('e1', '2'));
const replacing = () => traded().replace({ quantity: '12' });

/** The state of the order when an input about a revision comes. */
const situations: readonly (readonly [string, () => PlacementStory, number])[] = [
  ['not acknowledged', placed, 1],
  ['worked', traded, 1],
  ['its replacement is at the gateway', replacing, 1],
  ['the replacement itself', replacing, 2],
  ['ended', () => traded().handles(broker(1).canceled()), 1],
];

/** The events that the saga stores on this input. */
function storedOn(story: PlacementStory, word: Word): string {
  if (word.type === 'BrokerOutcomeUnresolved') story.handles(broker(word.data.revision).unknown());
  if (word.type === 'BrokerOrderResumed') story.handles(broker(word.data.revision).suspended());
  const { said } = story.handles(word);
  return said.length === 0 ? '-' : said.map(({ type }) => type).join(', ');
}

const followsFrom = table(
  ['input about a revision', ...situations.map(([name]) => name)],
  Object.keys(wordsOf(1)).map((type) => [
    `\`${type}\``,
    ...situations.map(([, begin, revision]) => storedOn(begin(), wordsOf(revision)[type as keyof ReturnType<typeof wordsOf>])),
  ]),
);

const seconds = (milliseconds: number): string => `${milliseconds / 1000} s`;
const { deadlineMs, attempts } = stepRules;
const deadlines = table(
  ['attempt', 'asks after', 'waits'],
  Array.from({ length: attempts + 1 }, (_, index) => {
    const before = deadlineMs * (2 ** index - 1);
    return [
      index === attempts ? 'each later one' : String(index + 1),
      seconds(before),
      seconds(index === attempts ? stuckEveryMs : deadlineMs * 2 ** index),
    ];
  }),
);

describe('docs/order-saga.md', () => {
  it.each([
    ['follows', followsFrom],
    ['deadlines', deadlines],
  ])('shows what %s as computed (UPDATE_GOLDEN=1 rewrites it)', (name, wanted) => {
    const page = printed('order-saga.md', name, wanted);
    expect(page.found).toBe(page.wanted);
  });

  it('shows every input of the saga, and names only events that exist', () => {
    const page = readFileSync(new URL('../../../docs/order-saga.md', import.meta.url), 'utf8');
    const types = new Set(Object.values(catalogue).flatMap(({ events }) => events.map(({ type }) => type)));
    expect(Object.keys(reactions).filter((type) => !page.includes(type))).toEqual([]);
    const named = [
      ...page.matchAll(/`((?:Order|Reservation|Broker|Execution|Fill|Placement|Revision|Submit|Replace|Cancel)[A-Z]\w+)`/g),
    ];
    const others = ['OrderPlacement', 'BrokerOrder'];
    expect(named.map(([, name]) => name as string).filter((name) => !types.has(name) && !others.includes(name))).toEqual([]);
  });
});
