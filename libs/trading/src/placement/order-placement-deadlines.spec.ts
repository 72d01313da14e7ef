import { placementIdFor, type RecordedEvent } from '@tradecore/events';
import { recordedSample } from '@tradecore/events/testing';
import { accountId, broker, orderId, PlacementStory, revisionId } from '../../test/placement-story.ts';
import { millisecondsBetween, OrderPlacement, orderPlacementProcess, stepRules } from '../index.ts';
import { stuckEveryMs } from './order-placement.steps.ts';

const { placed, working } = PlacementStory;
const first = broker(1);
const second = broker(2);
const commandOf = (story: PlacementStory, type: string) => story.data(type)['commandId'] as string;

/** The wait of a step's last attempt, in milliseconds. */
const waitOf = (story: PlacementStory, type: string) => millisecondsBetween(story.now, story.data(type)['dueAt'] as string);

describe('a step that the gateway does not have', () => {
  it('is requested again under the same command id, with twice the wait each time', () => {
    const story = placed();
    const asked = commandOf(story, 'SubmitBrokerOrder');
    for (let attempt = 2; attempt <= stepRules.attempts; attempt += 1) {
      story.untilDue().then('SubmitBrokerOrder').saying('SubmitBrokerOrder', { commandId: asked, attempt });
      expect(waitOf(story, 'SubmitBrokerOrder')).toBe(stepRules.deadlineMs * 2 ** (attempt - 1));
    }
  });

  it('calls for an operator once its budget is spent, and is repeated every five minutes', () => {
    const story = placed();
    for (let attempt = 1; attempt < stepRules.attempts; attempt += 1) story.untilDue();
    story.untilDue().then('PlacementStuck', 'SubmitBrokerOrder');
    story.saying('PlacementStuck', { attempts: stepRules.attempts, commandId: commandOf(story, 'SubmitBrokerOrder') });
    for (let more = 0; more < 3; more += 1) {
      expect([waitOf(story, 'SubmitBrokerOrder'), stuckEveryMs]).toEqual([300_000, 300_000]);
      story.untilDue().then('SubmitBrokerOrder');
    }
    expect([story.placement.isStuck, story.order.status]).toEqual([true, 'pendingNew']);
    story.handles(first.accepted()).then('OrderAccepted', 'PlacementResumed');
    expect([story.placement.isStuck, story.dueAt]).toEqual([false, undefined]);
  });

  it('needs no operator any more once it appears at the gateway', () => {
    const story = placed();
    for (let attempt = 1; attempt <= stepRules.attempts; attempt += 1) story.untilDue();
    story.untilDue([commandOf(story, 'SubmitBrokerOrder')]).then('PlacementResumed');
    expect(story.placement.isStuck).toBe(false);
  });

  it('can be any of the three; if two are missing, both are requested again', () => {
    const replacing = working().replace({ quantity: '12' });
    replacing.untilDue([commandOf(replacing, 'SubmitBrokerOrder')]).then('ReplaceBrokerOrder');
    const canceling = placed().cancel();
    canceling.untilDue().then('SubmitBrokerOrder', 'CancelBrokerOrder');
  });

  it('needs no operator any more once its order ends, or once it is answered', () => {
    const stuck = () => {
      const story = working().cancel();
      for (let attempt = 1; attempt <= stepRules.attempts; attempt += 1) story.untilDue([commandOf(story, 'SubmitBrokerOrder')]);
      return story.then('PlacementStuck', 'CancelBrokerOrder');
    };
    stuck().handles(first.fill('e1', '10')).then('OrderExecuted', 'FillSettled', 'PlacementEnded');
    const story = stuck().handles(first.fill('e1', '4')).then('OrderExecuted', 'FillSettled');
    expect(story.placement.isStuck).toBe(true);
    story.handles(first.cancelRejected(commandOf(story, 'CancelBrokerOrder'))).then('OrderCancelRejected', 'PlacementResumed');
  });
});

describe('a step that called for an operator', () => {
  it('counts as taken if a later replace is requested', () => {
    const story = working();
    for (let attempt = 1; attempt <= stepRules.attempts; attempt += 1) story.onDeadline();
    expect(story.placement.isStuck).toBe(true);
    story.replace({ quantity: '12' }).then('ReplaceBrokerOrder', 'PlacementResumed').again().then();
  });
});

describe('a step that the gateway has', () => {
  it('waits without storing an event', () => {
    const story = placed();
    story.untilDue([commandOf(story, 'SubmitBrokerOrder')]).then();
  });

  it('has no deadline once the gateway is known to have it: a missing step keeps its own', () => {
    const story = placed().cancel();
    const cancel = new Set([commandOf(story, 'CancelBrokerOrder')]);
    const dueAt = () => orderPlacementProcess.dueAt(story.placement as never, {}, cancel);
    story.untilDue([...cancel]).then('SubmitBrokerOrder');
    expect([story.dueAt, dueAt()]).toEqual(['2026-01-02T09:00:30.000Z', '2026-01-02T09:01:30.000Z']);
  });

  it('has no deadline once an event of its BrokerOrder was handled; a cancel has one, because its BrokerOrder came first', () => {
    const story = placed();
    expect(story.dueAt).toBe('2026-01-02T09:00:30.000Z');
    expect(story.handles(first.accepted()).dueAt).toBeUndefined();
    expect(story.replace({ quantity: '12' }).dueAt).toBe('2026-01-02T09:00:30.000Z');
    expect(story.handles(second.accepted()).dueAt).toBeUndefined();
    expect(story.cancel().dueAt).toBe('2026-01-02T09:00:30.000Z');
    expect(story.handles(second.canceled()).dueAt).toBeUndefined();
  });

  it('is not repeated before its deadline, and is repeated exactly at it', () => {
    const { order, account, placement } = placed();
    const asked = (now: string) =>
      orderPlacementProcess
        .onDeadline([order, account, placement] as never, new Set(), now)
        .flat()
        .map(({ type }) => type);
    expect(asked('2026-01-02T09:00:29.999Z')).toEqual([]);
    expect(asked('2026-01-02T09:00:30.000Z')).toEqual(['SubmitBrokerOrder']);
    expect(asked('2026-01-02T09:00:30.000001Z')).toEqual(['SubmitBrokerOrder']);
    expect(asked('2026-01-02T10:00:30+01:00')).toEqual(['SubmitBrokerOrder']);
  });
});

describe('the open steps', () => {
  const openOf = ({ placement }: PlacementStory) =>
    orderPlacementProcess.openSteps(placement as never).map(({ commandId }) => commandId);

  it('are those of the last sent revision, and the later of two cancels', () => {
    const story = working();
    const submit = commandOf(story, 'SubmitBrokerOrder');
    story.cancel();
    const cancel = commandOf(story, 'CancelBrokerOrder');
    expect(openOf(story)).toEqual([submit, cancel]);
    story.handles(first.cancelRejected(cancel)).cancel();
    const again = commandOf(story, 'CancelBrokerOrder');
    expect([openOf(story), again === cancel]).toEqual([[submit, again], false]);
    story.handles(first.cancelRejected(again)).replace({ quantity: '12' });
    expect(openOf(story)).toEqual([commandOf(story, 'ReplaceBrokerOrder')]);
  });

  it('are empty once the order has ended', () => {
    const story = working().cancel().handles(first.canceled());
    expect([openOf(story), story.dueAt]).toEqual([[], undefined]);
    expect(orderPlacementProcess.isEnded(story.placement as never)).toBe(true);
    expect(story.door(() => undefined).placement.steps).toHaveLength(2);
    const stored = orderPlacementProcess.onDeadline(
      [story.order, story.account, story.placement] as never,
      new Set(),
      '2027-01-01T00:00:00Z',
    );
    expect(stored).toEqual([[], [], []]);
  });

  it('are empty for a placement that has not started', () => {
    const placement = new OrderPlacement(placementIdFor(orderId)) as never;
    expect([orderPlacementProcess.dueAt(placement, {}), orderPlacementProcess.openSteps(placement)]).toEqual([undefined, []]);
  });
});

describe('the aggregates that an event concerns', () => {
  const ids = [orderId, accountId, placementIdFor(orderId)];
  const recorded = (changes: Partial<RecordedEvent>) => orderPlacementProcess.idsOf(recordedSample(undefined, changes));

  it('come from the order and its metadata, or from the BrokerOrder', () => {
    const of = { aggregateId: orderId, metadata: { account: accountId } };
    expect(recorded({ ...of, type: 'OrderCancelRequested' })).toEqual(ids);
    const { type, data } = first.accepted();
    expect(recorded({ aggregateType: 'BrokerOrder', aggregateId: revisionId(1), type, data })).toEqual(ids);
  });

  it('are undefined for events outside the saga', () => {
    expect(recorded({ type: 'OrderPlaced' })).toBeUndefined();
    expect(recorded({ type: 'OrderAccepted' })).toBeUndefined();
    expect(recorded({ type: 'ForeignOrderAdopted', aggregateType: 'BrokerOrder' })).toBeUndefined();
    expect(recorded({ type: 'toString' })).toBeUndefined();
    expect(recorded({ type: 'OrderCancelRequested', metadata: {} })).toBeUndefined();
  });
});
