import * as events from '@tradecore/events';
import { PlacementStory, approval, revisionId, orderId } from '../test/placement-story.ts';
import { OrderPlacement, stepRules, stuckEveryMs } from './index.ts';
import { millisecondsBetween } from './time.ts';

const { accountId } = approval();
const reservation = { orderId, symbol: 'ACME', side: 'buy', quantity: '10', unitPrice: '101.5', amount: '1015.51' } as const;
const made = new events.ReservationMade({ ...reservation, postings: [] });
const changed = new events.ReservationChanged({ ...reservation, postings: [] });
const released = new events.ReservationReleased({ orderId, amount: '0', postings: [] });
const intent = new events.SubmissionRequested({ ...approval(), orderId, revision: 1 });
const replaceIntent = new events.ReplacementRequested({ ...approval(), orderId, revision: 2, replaces: revisionId(1) });
const cancelIntent = new events.CancellationRequested({});
const accepted = new events.BrokerOrderAccepted({ brokerageOrderId: 'v1', found: false });
const unknown = new events.BrokerOutcomeUnknown({ attempt: 1, reason: 'timeout' });
const canceled = (atBroker = true) => new events.BrokerOrderCanceled({ atBroker, filledQuantity: '0' });
const told = new events.OrderChangeIgnored({ change: '', reason: '' });
const cancelWish = new events.OrderCancelRequested({});
const refused = (reason: 'insufficient-funds') => ({ orderId, reason, needed: '1015.51', available: '900' });
const replaceWish = (changes: object, revision = 2) =>
  new events.OrderReplaceRequested({ revision, reservePrice: '101.5', ...changes } as events.OrderReplaceRequested['data']);
const fill = (executionId: string, quantity: string, revision = 1) =>
  new events.ExecutionReported({
    executionId,
    brokerageExecutionId: executionId,
    quantity,
    price: '101',
    executedAt: '2026-01-02T09:00:00Z',
    orderId,
    revision,
    symbol: 'ACME',
    side: 'buy',
  });

const reserved = (changes = {}) => PlacementStory.approved(changes).answer('ReservationAsked', made);
const sent = (changes = {}) => reserved(changes).answer('SubmissionAsked', intent);
const working = (changes = {}) => sent(changes).broker(1, accepted);
const lastData = (story: PlacementStory, type: string) => story.decided.flat().findLast((each) => each.type === type)?.data;
/** Answers everything that is still asked, as participants that are there do. */
function quiet(story: PlacementStory): PlacementStory {
  const answers = { ReleaseAsked: released, ReservationChangeAsked: changed } as Record<string, events.Event>;
  for (const step of story.decided.flat()) {
    const { commandId } = step.data as { commandId?: string };
    if (commandId && step.type !== 'AnswerNoted' && story.saga.dueAt !== undefined) {
      const answer = answers[step.type] ?? told;
      story.answer(step.type as 'ReleaseAsked', answer, (each) => (each.data as { commandId?: string }).commandId === commandId);
    }
  }
  return story;
}

describe('the saga of an order: the straight way', () => {
  it('begins when the order is approved, and reserves first', () => {
    const story = PlacementStory.approved();
    expect(story.said).toEqual(['PlacementStarted', 'ReservationAsked']);
    expect(lastData(story, 'ReservationAsked')).toMatchObject({
      target: accountId,
      quantity: '10',
      unitPrice: '101.5',
      attempt: 1,
    });
    expect(lastData(story, 'ReservationAsked')).toMatchObject({ dueAt: '2026-01-02T09:00:10.000Z' });
  });

  it('asks nothing before it began', () => {
    expect(new PlacementStory().broker(1, fill('e1', '10')).client(cancelWish).saga.version).toBe(0);
  });

  it('sends it to the broker when it is reserved, and tells the order', () => {
    const story = reserved({ goodUntil: '2026-01-02T21:00:00Z' });
    expect(story.said).toEqual(['noted ReservationMade', 'SubmissionAsked', 'tell OrderSubmitted']);
    expect(lastData(story, 'SubmissionAsked')).toMatchObject({
      target: revisionId(1),
      revision: 1,
      goodUntil: '2026-01-02T21:00:00Z',
    });
  });

  it('denies it when the account has not what it needs, and ends when the order knows', () => {
    const story = PlacementStory.approved().answer(
      'ReservationAsked',
      new events.ReservationRefused(refused('insufficient-funds')),
    );
    expect(story.said).toEqual(['noted ReservationRefused', 'tell OrderDenied']);
    expect(lastData(story, 'OrderChangeAsked')).toMatchObject({
      change: { data: { rule: 'insufficient-funds', figures: { needed: '1015.51', available: '900' } } },
    });
    expect(quiet(story).said).toEqual(['noted OrderChangeIgnored', 'PlacementEnded']);
  });

  it('settles each execution, and releases when it is filled', () => {
    const story = working().broker(1, fill('e1', '4'));
    expect(story.said).toEqual(['tell OrderExecuted', 'SettlementAsked']);
    story.broker(1, fill('e2', '6'));
    expect(story.said).toEqual(['tell OrderExecuted', 'SettlementAsked', 'ReleaseAsked']);
    expect(quiet(story).said.at(-1)).toBe('PlacementEnded');
    expect(story.saga.isEnded).toBe(true);
    expect(lastData(story, 'PlacementEnded')).toEqual({ outcome: 'filled' });
  });

  it('takes an execution that comes before the acknowledgement', () => {
    const story = sent().broker(1, fill('e1', '4'));
    expect(story.said).toEqual(['tell OrderExecuted', 'SettlementAsked']);
    expect(story.broker(1, accepted).said).toEqual(['tell OrderAccepted']);
  });

  it.each([
    ['rejected', new events.BrokerOrderRejected({ code: '403', reason: 'power' }), 'OrderRejected', 'rejected'],
    ['never sent for it was too late', new events.BrokerOrderLapsed({ reason: 'time-in-force' }), 'OrderExpired', 'expired'],
    ['expired', new events.BrokerOrderExpired({ filledQuantity: '0' }), 'OrderExpired', 'expired'],
    ['cancelled by the broker', canceled(), 'OrderCanceled', 'canceled'],
  ] as const)('is %s: the order is told, what is left is released', (_, end, change, outcome) => {
    const story = sent().broker(1, end);
    expect(story.said).toEqual(['RevisionEnded', `tell ${change}`, 'ReleaseAsked']);
    quiet(story);
    expect(lastData(story, 'PlacementEnded')).toEqual({ outcome });
  });

  it('passes on that the broker is done for the day or has suspended it', () => {
    expect(working().broker(1, new events.BrokerOrderDoneForDay({})).said).toEqual(['tell OrderDoneForDay']);
    expect(working().broker(1, new events.BrokerOrderSuspended({})).said).toEqual(['tell OrderSuspended']);
  });
});

describe('the saga of an order: late and twice', () => {
  it('settles an execution after its end, and stays ended', () => {
    const story = quiet(working().broker(1, canceled()));
    expect(story.saga.isEnded).toBe(true);
    expect(story.broker(1, fill('late', '3')).said).toEqual(['tell OrderExecuted', 'SettlementAsked']);
    expect(story.saga.isEnded).toBe(false);
    expect(quiet(story).saga.isEnded).toBe(true);
    expect(story.decided.flat().filter(({ type }) => type === 'PlacementEnded')).toHaveLength(1);
  });

  it('hears everything twice and says everything once', () => {
    const story = reserved();
    expect(story.again().said).toEqual([]);
    expect(story.answer('SubmissionAsked', intent).again().said).toEqual([]);
    expect(story.broker(1, accepted).again().said).toEqual([]);
    expect(story.client(replaceWish({ quantity: '12' })).again().said).toEqual([]);
    expect(story.broker(1, fill('e1', '4')).again().said).toEqual([]);
    expect(story.client(cancelWish).again().said).toEqual([]);
    expect(story.broker(1, canceled()).again().said).toEqual([]);
  });

  it('does not cancel again for a request that was answered', () => {
    const story = working().client(cancelWish);
    const request = story.happenings.at(-1);
    story.broker(1, new events.BrokerCancelRejected({ reason: 'too late' }));
    expect(story.said).toEqual(['tell OrderCancelRejected']);
    expect(story.happens(request!).said).toEqual([]);
    expect(story.client(cancelWish).said).toEqual(['CancelWished', 'CancellationAsked']);
  });

  it('tells the order of busts and corrections; the books of the account stay as they are', () => {
    const story = working().broker(1, fill('e1', '4'));
    const figures = { executionId: 'e1', quantity: '3', price: '100', executedAt: '2026-01-02T09:00:00Z' };
    const of = { orderId, revision: 1, symbol: 'ACME', side: 'buy' } as const;
    expect(story.broker(1, new events.ExecutionCorrected({ ...figures, ...of })).said).toEqual(['tell OrderExecutionCorrected']);
    expect(story.broker(1, new events.ExecutionBusted({ executionId: 'e1', ...of })).said).toEqual(['tell OrderExecutionBusted']);
    expect(story.broker(1, fill('e2', '9')).said).toEqual(['tell OrderExecuted', 'SettlementAsked']);
    expect(story.broker(1, fill('e3', '1')).said).toEqual(['tell OrderExecuted', 'SettlementAsked', 'ReleaseAsked']);
  });
});

describe('the saga of an order: an outcome that is not known', () => {
  it('tells the order once, keeps the reservation, and goes on with the proof', () => {
    const story = sent().broker(1, unknown);
    expect(story.said).toEqual(['tell OrderOutcomeUnknown']);
    expect(story.broker(1, unknown).said).toEqual([]);
    expect(story.broker(1, accepted).said).toEqual(['tell OrderAccepted']);
    expect(story.broker(1, unknown).said).toEqual([]);
  });

  it('calls for help once when nobody could find out, and waits on', () => {
    const story = sent().broker(1, unknown);
    const unresolved = new events.BrokerOutcomeUnresolved({ attempts: 9, reason: 'no answer' });
    expect(story.broker(1, unresolved).said).toEqual(['PlacementStuck']);
    expect(story.broker(1, unresolved).said).toEqual([]);
    quiet(story);
    expect([story.saga.isEnded, story.saga.isStuck]).toEqual([false, true]);
    expect(story.decided.flat().map(({ type }) => type)).not.toContain('ReleaseAsked');
    expect(story.broker(1, fill('e1', '10')).said).toEqual(['tell OrderExecuted', 'SettlementAsked', 'ReleaseAsked']);
    expect(story.saga.isStuck).toBe(false);
  });
});

describe('the saga of an order: cancel', () => {
  it('before the reservation is answered: waits, then releases without sending', () => {
    const story = PlacementStory.approved().client(cancelWish);
    expect(story.said).toEqual(['CancelWished']);
    story.answer('ReservationAsked', made);
    expect(story.said).toEqual(['noted ReservationMade', 'tell OrderCanceled', 'ReleaseAsked']);
    expect(quiet(story).saga.isEnded).toBe(true);
  });

  it('before the reservation is refused: denied', () => {
    const story = PlacementStory.approved().client(cancelWish);
    story.answer('ReservationAsked', new events.ReservationRefused(refused('insufficient-funds')));
    expect(story.said).toEqual(['noted ReservationRefused', 'tell OrderDenied']);
  });

  it('while it is sent: the gateway is asked, and withdraws or cancels it', () => {
    const story = sent().client(cancelWish);
    expect(story.said).toEqual(['CancelWished', 'CancellationAsked']);
    expect(story.answer('CancellationAsked', cancelIntent).said).toEqual(['noted CancellationRequested']);
    expect(story.broker(1, canceled(false)).said).toEqual(['RevisionEnded', 'tell OrderCanceled', 'ReleaseAsked']);
  });

  it('against a fill: the fill wins, the refusal that follows is no news', () => {
    const story = working().client(cancelWish).broker(1, fill('e1', '10'));
    expect(story.said).toEqual(['tell OrderExecuted', 'SettlementAsked', 'ReleaseAsked']);
    expect(story.broker(1, new events.BrokerCancelRejected({ reason: 'filled' })).said).toEqual([]);
    expect(quiet(story).saga.isEnded).toBe(true);
  });

  it('after a part: the part is settled, the rest released', () => {
    const story = working().client(cancelWish).broker(1, fill('e1', '4')).broker(1, canceled());
    expect(story.said).toEqual(['RevisionEnded', 'tell OrderCanceled', 'ReleaseAsked']);
  });

  it('after its end: nothing', () => {
    expect(working().broker(1, canceled()).client(cancelWish).said).toEqual([]);
  });
});

describe('the saga of an order: replace', () => {
  const growing = () => working().client(replaceWish({ quantity: '12' }));
  const shrinking = () => working().client(replaceWish({ quantity: '8' }));
  const growingSent = () => growing().answer('ReservationChangeAsked', changed);

  it('to more: the account holds more before the broker is asked', () => {
    const story = growing();
    expect(story.said).toEqual(['ReplaceWished', 'ReservationChangeAsked']);
    expect(lastData(story, 'ReservationChangeAsked')).toMatchObject({ quantity: '12', unitPrice: '101.5' });
    story.answer('ReservationChangeAsked', changed);
    expect(story.said).toEqual(['noted ReservationChanged', 'ReplacementAsked']);
    expect(lastData(story, 'ReplacementAsked')).toMatchObject({
      target: revisionId(2),
      revision: 2,
      replaces: revisionId(1),
      quantity: '12',
    });
    expect(story.answer('ReplacementAsked', replaceIntent).broker(2, accepted).said).toEqual(['tell OrderReplaced']);
    expect(story.broker(1, new events.BrokerOrderReplaced({ by: revisionId(2), filledQuantity: '0' })).said).toEqual([]);
    expect(story.broker(2, fill('e1', '12', 2)).said).toEqual(['tell OrderExecuted', 'SettlementAsked', 'ReleaseAsked']);
  });

  it('to more, of which a part has traded: only open shares are held', () => {
    const story = working()
      .broker(1, fill('e1', '4'))
      .client(replaceWish({ quantity: '12' }));
    expect(lastData(story, 'ReservationChangeAsked')).toMatchObject({ quantity: '8', unitPrice: '101.5' });
  });

  it('to less: the broker first, then the account', () => {
    const story = shrinking();
    expect(story.said).toEqual(['ReplaceWished', 'ReplacementAsked']);
    story.broker(1, new events.BrokerOrderReplaced({ by: revisionId(2), filledQuantity: '0' }));
    expect(story.said).toEqual(['tell OrderReplaced', 'ReservationChangeAsked']);
    expect(lastData(story, 'ReservationChangeAsked')).toMatchObject({ quantity: '8', unitPrice: '101.5' });
    expect(story.broker(2, accepted).said).toEqual([]);
  });

  it('to a lower price for more shares: compares the money', () => {
    const story = working().client(replaceWish({ quantity: '11', limitPrice: '90', reservePrice: '90' }));
    expect(story.said).toEqual(['ReplaceWished', 'ReplacementAsked']);
  });

  it('of a sell to more shares at a lower price: compares the shares', () => {
    const story = working({ side: 'sell' }).client(replaceWish({ quantity: '11', limitPrice: '90', reservePrice: '90' }));
    expect(story.said).toEqual(['ReplaceWished', 'ReservationChangeAsked']);
  });

  it('that the account can not pay: refused, the old terms go on', () => {
    const story = growing();
    story.answer('ReservationChangeAsked', new events.ReservationChangeRefused(refused('insufficient-funds')));
    expect(story.said).toEqual(['noted ReservationChangeRefused', 'tell OrderReplaceRejected']);
    expect(story.broker(1, fill('e1', '10')).said).toContain('ReleaseAsked');
  });

  it('that the broker refuses: what was held beyond is freed', () => {
    const story = growingSent().broker(2, new events.BrokerReplaceRejected({ reason: 'no' }));
    expect(story.said).toEqual(['tell OrderReplaceRejected', 'ReservationChangeAsked']);
    expect(lastData(story, 'ReservationChangeAsked')).toMatchObject({ quantity: '10', unitPrice: '101.5' });
  });

  it('proved by an execution of the new revision', () => {
    expect(shrinking().broker(2, fill('e1', '3', 2)).said).toEqual([
      'tell OrderReplaced',
      'ReservationChangeAsked',
      'tell OrderExecuted',
      'SettlementAsked',
    ]);
  });

  it('while the old revision is filled whole: waits for the broker, then ends or goes on under the new terms', () => {
    const filled = () => growingSent().broker(1, fill('e1', '10'));
    expect(filled().said).toEqual(['tell OrderExecuted', 'SettlementAsked']);
    const lost = filled().broker(2, new events.BrokerReplaceRejected({ reason: 'filled' }));
    expect(lost.said).toEqual(['tell OrderReplaceRejected', 'ReleaseAsked']);
    const won = filled().broker(2, accepted);
    expect(won.said).toEqual(['tell OrderReplaced']);
    expect(won.broker(2, fill('e2', '2', 2)).said).toContain('ReleaseAsked');
  });

  it('while the old revision is cancelled by the broker: the same', () => {
    const gone = () => growingSent().broker(1, canceled());
    expect(gone().said).toEqual(['RevisionEnded']);
    const lost = gone().broker(2, new events.BrokerReplaceRejected({ reason: 'canceled' }));
    expect(lost.said).toEqual(['tell OrderReplaceRejected', 'tell OrderCanceled', 'ReleaseAsked']);
    expect(gone().broker(2, accepted).said).toEqual(['tell OrderReplaced']);
  });

  it('of which the outcome is not known: waits for proof, whatever the old revision says', () => {
    const story = shrinking().broker(2, unknown);
    expect(story.said).toEqual(['tell OrderOutcomeUnknown']);
    expect(story.broker(1, fill('e1', '2')).said).toEqual(['tell OrderExecuted', 'SettlementAsked']);
    expect(story.broker(2, accepted).said).toEqual(['tell OrderReplaced', 'ReservationChangeAsked']);
  });

  it('and a cancel before the broker was asked: the replace is given up', () => {
    const story = growing().client(cancelWish);
    expect(story.said).toEqual(['CancelWished', 'tell OrderReplaceRejected', 'CancellationAsked', 'ReservationChangeAsked']);
    expect(story.answer('CancellationAsked', cancelIntent).broker(1, canceled()).said).toContain('ReleaseAsked');
    expect(quiet(story).saga.isEnded).toBe(true);
  });

  it('and a cancel while the broker decides: the revision that lives is cancelled', () => {
    const waiting = () => shrinking().client(cancelWish);
    expect(waiting().said).toEqual(['CancelWished']);
    const won = waiting().broker(2, accepted);
    expect(won.said).toEqual(['tell OrderReplaced', 'CancellationAsked', 'ReservationChangeAsked']);
    expect(lastData(won, 'CancellationAsked')).toMatchObject({ target: revisionId(2) });
    const lost = waiting().broker(2, new events.BrokerReplaceRejected({ reason: 'no' }));
    expect(lost.said).toEqual(['tell OrderReplaceRejected', 'CancellationAsked']);
    expect(lastData(lost, 'CancellationAsked')).toMatchObject({ target: revisionId(1) });
  });

  it('after its end: refused, so that an order that was filled meanwhile is filled', () => {
    const story = working()
      .broker(1, fill('e1', '10'))
      .client(replaceWish({ quantity: '12' }));
    expect(story.said).toEqual(['tell OrderReplaceRejected']);
  });

  it('sent to the broker while an earlier change of the reservation is refused: goes on', () => {
    const story = shrinking()
      .broker(2, accepted)
      .client(replaceWish({ quantity: '7' }, 3));
    expect(story.said).toEqual(['ReplaceWished', 'ReplacementAsked']);
    const { reason: _, ...figures } = refused('insufficient-funds');
    story.answer('ReservationChangeAsked', new events.ReservationChangeRefused({ ...figures, reason: 'no-reservation' }));
    expect(story.said).toEqual(['noted ReservationChangeRefused']);
  });

  it('whose new revision ends before the last execution of the old one is heard: ends, and settles what comes late', () => {
    const story = growingSent().broker(2, accepted).broker(2, canceled());
    expect(story.said).toEqual(['RevisionEnded', 'tell OrderCanceled', 'ReleaseAsked']);
    expect(story.broker(1, fill('e1', '4')).said).toEqual(['tell OrderExecuted', 'SettlementAsked']);
    expect(quiet(story).saga.isEnded).toBe(true);
  });

  it('by an order that is not ours: somebody has to look', () => {
    expect(working().broker(1, new events.BrokerOrderReplaced({ by: 'other', filledQuantity: '0' })).said).toEqual([
      'PlacementStuck',
    ]);
  });

  it('twice: the second revision is replaced by a third', () => {
    const story = shrinking()
      .broker(2, accepted)
      .client(replaceWish({ quantity: '9', limitPrice: '100', reservePrice: '100' }, 3));
    expect(story.said).toEqual(['ReplaceWished', 'ReservationChangeAsked']);
    story.answer('ReservationChangeAsked', changed);
    expect(lastData(story, 'ReplacementAsked')).toMatchObject({
      target: revisionId(3),
      replaces: revisionId(2),
      quantity: '9',
      limitPrice: '100',
    });
  });
});

describe('the saga of an order: nobody answers', () => {
  const seconds = (story: PlacementStory) => story.now.slice(14, 19);

  it('asks again under the same name, each time after twice the time', () => {
    const story = PlacementStory.approved();
    const asked = [seconds(story)];
    for (let attempt = 2; attempt <= stepRules.ReservationAsked.attempts; attempt += 1) {
      expect(story.untilDue().said).toEqual([`ReservationAsked #${attempt}`]);
      asked.push(seconds(story));
    }
    expect(asked).toEqual(['00:00', '00:10', '00:30', '01:10', '02:30']);
    const steps = story.decided.flat().filter(({ type }) => type === 'ReservationAsked');
    expect(new Set(steps.map(({ data }) => (data as events.Step).commandId)).size).toBe(1);
  });

  it('of many executions at once: no waking comes to more than a save can hold, and none is forgotten', () => {
    const story = quiet(working({ quantity: '1000' }));
    const fills = Array.from({ length: 120 }, (_, n) => `e${n}`);
    for (const executionId of fills) story.broker(1, fill(executionId, '1'));
    const [before, asked] = [story.decided.length, story.now];
    for (let left = 1_000; left > 0 && !story.saga.isStuck; left -= 1) story.untilDue();
    while ((story.saga.dueAt ?? '') <= story.now) story.untilDue();
    const wakings = story.decided.slice(before);
    expect(Math.max(...wakings.map(({ length }) => length))).toBeLessThanOrEqual(100);
    const stuck = wakings.flat().filter(({ type }) => type === 'PlacementStuck');
    expect([stuck.length, millisecondsBetween(asked, story.now)]).toEqual([2 * fills.length, 310_000]);
  });

  it('is not woken before its time', () => {
    expect(PlacementStory.approved().after(9_999).said).toEqual([]);
  });

  it('about the reservation: denied, and released behind it', () => {
    const story = PlacementStory.approved();
    for (let attempt = 1; attempt <= stepRules.ReservationAsked.attempts; attempt += 1) story.untilDue();
    expect(story.said).toEqual(['tell OrderDenied', 'ReleaseAsked']);
    expect(story.answer('ReservationAsked', made).said).toEqual([]);
    expect(quiet(story).saga.isEnded).toBe(true);
  });

  it('about the reservation of an order that is to be cancelled: cancelled', () => {
    const story = PlacementStory.approved().client(cancelWish);
    for (let attempt = 1; attempt <= stepRules.ReservationAsked.attempts; attempt += 1) story.untilDue();
    expect(story.said).toEqual(['tell OrderCanceled', 'ReleaseAsked']);
  });

  it('about more for a replace: the old terms go on, and hold what they need', () => {
    const story = quiet(working()).client(replaceWish({ quantity: '12' }));
    for (let attempt = 1; attempt <= stepRules.ReservationChangeAsked.attempts; attempt += 1) story.untilDue();
    expect(story.said).toEqual(['tell OrderReplaceRejected', 'ReservationChangeAsked']);
    expect(lastData(story, 'ReservationChangeAsked')).toMatchObject({ quantity: '10' });
    expect(quiet(story).saga.dueAt).toBeUndefined();
  });

  const waiting = {
    SubmissionAsked: () => reserved(),
    OrderChangeAsked: () => reserved(),
    SettlementAsked: () => working().broker(1, fill('e1', '4')),
    ReleaseAsked: () => working().broker(1, canceled()),
    CancellationAsked: () => working().client(cancelWish),
    ReplacementAsked: () => working().client(replaceWish({ quantity: '8' })),
    ReservationChangeAsked: () =>
      working()
        .client(replaceWish({ quantity: '8' }))
        .broker(2, accepted),
  };

  it.each(Object.keys(waiting) as (keyof typeof waiting)[])(
    'to %s: stuck, said once, and asked again every five minutes',
    (type) => {
      const story = waiting[type]();
      const step = () => lastData(story, type) as events.Step;
      const { commandId } = step();
      const ofStep = ({ data }: events.Event) => (data as events.Step).commandId === commandId;
      const stuck = () => story.decided.flat().filter((each) => each.type === 'PlacementStuck' && ofStep(each));
      while (story.decided.flat().filter(ofStep).length < stepRules[type].attempts) story.untilDue();
      expect(stuck()).toEqual([]);
      while (story.decided.flat().filter(ofStep).length < stepRules[type].attempts + 4) story.untilDue();
      expect(stuck()).toHaveLength(1);
      const [, last] = story.decided
        .flat()
        .filter((each) => each.type === type && ofStep(each))
        .slice(-2);
      expect(Date.parse((last?.data as events.Step).dueAt) - Date.parse(story.now)).toBeLessThanOrEqual(stuckEveryMs);
      expect([story.saga.isStuck, story.saga.isEnded]).toEqual([true, false]);
      story.answer(type, told, ofStep);
      expect(story.saga.isStuck).toBe([...story.decided.flat()].some((each) => each.type === 'PlacementStuck' && !ofStep(each)));
    },
  );
});

describe('which saga an event concerns', () => {
  it('is told by the order, else by the saga that the event names', () => {
    const { happenings } = PlacementStory.approved().answer('ReservationAsked', made).broker(1, accepted);
    for (const each of happenings) {
      expect('hear' in each && OrderPlacement.sagaIdOf(each.hear)).toBe(events.placementIdFor(orderId));
    }
    expect(happenings.map((each) => 'hear' in each && OrderPlacement.starts(each.hear))).toEqual([true, false, false]);
  });
});
