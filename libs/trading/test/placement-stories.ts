import { sampleText } from '@tradecore/events/testing';
import { broker, PlacementStory } from './placement-story.ts';

const first = broker(1);
const second = broker(2);
const answer = (story: PlacementStory): string => story.data('CancelBrokerOrder')['commandId'] as string;
const commandOf = (story: PlacementStory, type: string): string => story.data(type)['commandId'] as string;

/** A stored history: what happened, in one sentence, and how. */
interface Kept {
  readonly name: string;
  readonly says: string;
  readonly story: () => PlacementStory;
}

/** The stored histories. Add new ones; never change existing ones. */
export const kept: readonly Kept[] = [
  {
    name: 'filled-at-once',
    says: 'The straight order: accepted, and filled whole.',
    story: () =>
      PlacementStory.placed().handlesRequest().handles(first.accepted()).again().handles(first.fill('e1', '10')).again(),
  },
  {
    name: 'sold-in-parts',
    says: 'A sell that fills in parts before it is acknowledged, is paused, and expires.',
    story: () =>
      PlacementStory.placed({ terms: { side: 'sell' }, shares: '12', cash: '1' })
        .handles(first.fill('e1', '4', '102'))
        .handles(first.accepted())
        .handles(first.doneForDay())
        .handles(first.resumed())
        .handles(first.suspended())
        .handles(first.fill('e2', '1', '103'))
        .handles(first.resumed())
        .handles(first.expired()),
  },
  {
    name: 'cancelled-after-a-part',
    says: 'A cancel is refused, a second one is taken; a duplicate of the first answer comes late, and a fill after the end.',
    story: () => {
      const story = PlacementStory.working().cancel(sampleText('0001')).handles(first.fill('e1', '4'));
      const refusal = first.cancelRejected(answer(story));
      story.handles(refusal).cancel().handles(refusal).handles(first.canceled());
      return story.handles(first.canceled()).handles(first.fill('late', '2'));
    },
  },
  {
    name: 'replaced-twice',
    says: 'Replaced by more at a lower price while the old terms fill, then by less; fills of both revisions come in either order.',
    story: () =>
      PlacementStory.working()
        .replace({ quantity: '14', limitPrice: '95' })
        .handles(first.fill('e1', '3', '101.5'))
        .handles(second.fill('e2', '2', '95'))
        .handles(first.replaced())
        .handles(first.fill('e3', '1', '101.5'))
        .handles(second.accepted())
        .replace({ quantity: '8' })
        .handles(broker(3).accepted())
        .handles(broker(3).fill('e4', '2', '94')),
  },
  {
    name: 'replace-refused-while-cancelling',
    says: 'A cancel waits for the answer to a replace; the old revision had ended meanwhile.',
    story: () =>
      PlacementStory.working()
        .replace({ quantity: '12', limitPrice: '102' })
        .cancel()
        .handles(first.expired())
        .handles(second.replaceRejected()),
  },
  {
    name: 'last-fill-before-the-replace',
    says: 'The last fill comes before the saga has handled the replace, and in another order after the gateway has it.',
    story: () =>
      PlacementStory.working()
        .replace({ quantity: '12' })
        .handles(first.fill('e1', '10'))
        .handles(second.accepted())
        .asksToReplace({ quantity: '13' })
        .handles(second.fill('e2', '2'))
        .handlesRequest(),
  },
  {
    name: 'outcome-unknown',
    says: 'The submit is unknown, unresolved, and proven by a fill; then a replace is unknown, and refused.',
    story: () =>
      PlacementStory.placed()
        .handles(first.unknown())
        .handles(first.unresolved())
        .handles(first.unresolved())
        .handles(first.fill('e1', '4'))
        .handles(first.accepted())
        .replace({ limitPrice: '102' })
        .handles(second.unknown())
        .handles(first.fill('e2', '1'))
        .handles(second.unresolved())
        .handles(second.replaceRejected())
        .handles(first.rejected()),
  },
  {
    name: 'gateway-away',
    says: 'The gateway does not have the first step; an operator is called once, and the step is asked on until it is there.',
    story: () => {
      const story = PlacementStory.placed();
      for (let attempt = 0; attempt < 7; attempt += 1) story.untilDue();
      story.handles(first.accepted()).cancel();
      for (let attempt = 0; attempt < 5; attempt += 1) story.untilDue([commandOf(story, 'SubmitBrokerOrder')]);
      return story.untilDue([commandOf(story, 'SubmitBrokerOrder'), answer(story)]).handles(first.canceled());
    },
  },
  {
    name: 'busted',
    says: 'Executions are corrected, corrected again, and taken back, before and after the order has filled; the money is gone meanwhile.',
    story: () => {
      const story = PlacementStory.working({ cash: '1015.51' })
        .handles(first.fill('e1', '4', '90'))
        .handles(first.correct('e1', '3', '91'));
      story
        .handles(first.correct('e1', '4', '91'))
        .door(() => story.account.withdraw('42.02'))
        .handles(first.bust('e1'));
      story.handles(first.bust('e1')).handles(first.fill('e2', '10')).handles(first.bust('e2'));
      return story.handles(first.correct('e2', '9')).handles(first.fill('e3', '1'));
    },
  },
  {
    name: 'overfilled',
    says: 'More trades than was ordered; the excess is taken back.',
    story: () => PlacementStory.working().handles(first.fill('e1', '8')).handles(first.fill('e2', '4')).handles(first.bust('e2')),
  },
  {
    name: 'replaced-by-another',
    says: 'The brokerage put an order that is not ours in the place of this one: an operator is called once, fills are booked.',
    story: () => PlacementStory.working().handles(first.replaced('foreign')).again().handles(first.fill('e1', '4')).cancel(),
  },
  {
    name: 'given-up-and-found',
    says: 'A replacement that was given up is found in the place of the old revision, trades, and is cancelled there.',
    story: () =>
      PlacementStory.working()
        .replace({ quantity: '12' })
        .handles(second.replaceRejected())
        .handles(second.accepted())
        .handles(first.replaced())
        .handles(second.fill('e1', '3'))
        .handles(second.canceled()),
  },
  {
    name: 'never-sent',
    says: 'Trading was halted before the order was sent.',
    story: () =>
      PlacementStory.placed({ terms: { timeInForce: 'gtc' } })
        .handles(first.lapsed())
        .handles(first.accepted()),
  },
];
