import { OrderDenied, OrderPlaced, SubmitBrokerOrder, type RecordedEvent } from '@tradecore/events';
import { recordedSample, sampleTerms } from '@tradecore/events/testing';
import { broker, orderId, PlacementStory, revisionId } from '../../test/placement-story.ts';
import { Account, decidePlacement, Order, OrderPlacement, type PlacementInput } from '../index.ts';

const { placed, working } = PlacementStory;
const first = broker(1);
const second = broker(2);

describe('the straightforward order', () => {
  it('placed is one save of three aggregates, and handling it requests nothing', () => {
    const story = placed();
    expect(story.said.map(({ type }) => type)).toEqual(['OrderPlaced', 'OrderApproved', 'ReservationMade', 'SubmitBrokerOrder']);
    story.at('pendingNew', '3984.49', '1015.51').handlesRequest().then();
  });

  it('accepted and filled adds four events: acknowledgement, execution, booking, end', () => {
    const story = working().then('OrderAccepted');
    story.handles(first.fill('e1', '10')).then('OrderExecuted', 'FillSettled', 'PlacementEnded').at('filled', '3989.5', '0');
    story.saying('OrderExecuted', {
      notional: '1010',
      fee: '0.5',
      cumulativeQuantity: '10',
      leavesQuantity: '0',
      accountVersion: 4,
    });
    story.saying('PlacementEnded', { outcome: 'filled' });
    expect(story.data('FillSettled')).not.toHaveProperty('reservation');
    expect(story.entries.flatMap(({ order, account, placement }) => [...order, ...account, ...placement])).toHaveLength(10);
  });

  it('fills in parts: each is booked and leaves the reservation for the rest', () => {
    const story = working().handles(first.fill('e1', '4')).then('OrderExecuted', 'FillSettled');
    story.saying('FillSettled', { reservation: { quantity: '6', amount: '609.31' } }).at('partiallyFilled', '3986.49', '609.31');
    story.handles(first.fill('e2', '6')).then('OrderExecuted', 'FillSettled', 'PlacementEnded').at('filled', '3989.5', '0');
  });

  it('that fills before the brokerage acknowledges it is acknowledged then', () => {
    const story = placed().handles(first.fill('e1', '4')).then('OrderExecuted', 'FillSettled');
    story.handles(first.accepted()).then('OrderAccepted').again().then();
    placed().handles(first.fill('e1', '10')).handles(first.accepted()).then('OrderAccepted').again().then();
  });

  it.each([
    ['rejected', first.rejected(), 'OrderRejected', 'rejected'],
    ['never sent because trading was halted', first.lapsed(), 'OrderExpired', 'expired'],
    ['expired', first.expired(), 'OrderExpired', 'expired'],
    ['cancelled by the brokerage', first.canceled(), 'OrderCanceled', 'canceled'],
  ] as const)('is %s: its end frees the rest of the reservation and ends the placement', (_, end, event, outcome) => {
    const story = placed().handles(end).then(event, 'ReservationReleased', 'PlacementEnded').at(outcome, '5000', '0');
    story.saying(event, { accountVersion: 4 }).saying('PlacementEnded', { outcome });
    story.again().then();
  });

  it('says why it was cancelled when its client did not ask for it', () => {
    working().handles(first.canceled()).saying('OrderCanceled', { reason: 'by the brokerage' });
    working({ terms: { timeInForce: 'ioc' } })
      .handles(first.canceled())
      .saying('OrderCanceled', { reason: 'not traded at once' });
    const story = working().cancel().handles(first.canceled());
    expect(story.data('OrderCanceled')).not.toHaveProperty('reason');
  });

  it('of a sell frees the remaining shares, and its fills bring money', () => {
    const sale = { terms: { side: 'sell', limitPrice: '100' }, cash: '1', shares: '15' } as const;
    const sharesOf = ({ account }: PlacementStory) => [account.available('symbol', 'ACME'), account.reserved('symbol', 'ACME')];
    const story = working(sale);
    expect(sharesOf(story)).toEqual(['5', '10']);
    story.handles(first.fill('e1', '4')).at('partiallyFilled', '404.8', '0');
    expect(sharesOf(story)).toEqual(['5', '6']);
    story.replace({ quantity: '11' }).handles(second.replaceRejected()).then('OrderReplaceRejected', 'ReservationChanged');
    story.handles(first.expired()).then('OrderExpired', 'ReservationReleased', 'PlacementEnded').at('expired', '404.8', '0');
    expect(sharesOf(story)).toEqual(['11', '0']);
  });
});

describe('executions that are late, or exceed the order', () => {
  it.each([
    ['cancelled', () => working().cancel().handles(first.canceled()), 'canceled'],
    ['expired', () => working().handles(first.expired()), 'expired'],
    ['rejected', () => working().handles(first.rejected()), 'rejected'],
  ] as const)('are booked after the order is %s; it stays so, and the placement stays ended', (_, story, status) => {
    story().handles(first.fill('late', '3')).then('OrderExecuted', 'FillSettled').at(status, '4696.85', '0').again().then();
  });

  it('that exceed the order are booked, and it reports by how much', () => {
    const story = working().handles(first.fill('e1', '4')).handles(first.fill('e2', '8'));
    story.then('OrderExecuted', 'FillSettled', 'PlacementEnded').at('overfilled', '3787.4', '0');
    story.saying('OrderExecuted', { excessQuantity: '2' });
    story.handles(first.bust('e2')).then('OrderExecutionBusted', 'FillReversed').at('filled', '4595.8', '0');
  });

  it('that the money does not cover leave a visible overdraft', () =>
    void placed({ cash: '1015.51' }).handles(first.fill('e1', '12')).at('overfilled', '-197.09', '0'));
});

describe('a bust', () => {
  it('reverses the booking and reserves for the shares that are open again', () => {
    const story = working()
      .handles(first.fill('e1', '4', '90'))
      .at('partiallyFilled', '4030.51', '609.31');
    story.handles(first.bust('e1')).then('OrderExecutionBusted', 'FillReversed').at('new', '3984.49', '1015.51');
    story.saying('FillReversed', { executionId: 'e1', notional: '360', fee: '0.18', reservation: { amount: '1015.51' } });
    story.again().then();
  });

  it('leaves a visible overdraft if the money is spent', () => {
    const story = working({ cash: '1015.51' })
      .handles(first.fill('e1', '4', '90'))
      .door(() => undefined);
    story
      .door(() => story.account.withdraw('46.02'))
      .handles(first.bust('e1'))
      .at('new', '-46.02', '1015.51');
  });

  it('does not reopen a filled order', () => {
    const story = working().handles(first.fill('e1', '4')).handles(first.fill('e2', '6'));
    story.handles(first.bust('e2')).then('OrderExecutionBusted', 'FillReversed').at('filled', '4595.8', '0');
    story.handles(first.bust('e1')).then('OrderExecutionBusted', 'FillReversed').at('busted', '5000', '0');
    expect(story.account.available('symbol', 'ACME')).toBe('0');
    story.handles(first.fill('e3', '1')).then('OrderExecuted', 'FillSettled').at('filled', '4898.95', '0');
  });

  it('of an execution never reported, or already taken back, does nothing', () => {
    const story = working().handles(first.bust('never')).then();
    story.handles(first.fill('e1', '4')).handles(first.bust('e1')).handles(first.bust('e1')).then();
    story.handles(first.correct('e1', '3')).then().handles(first.fill('e1', '4')).then();
  });

  it.each([
    ['a cancel waits', () => working().handles(first.fill('e1', '4')).cancel(), 'pendingCancel'],
    ['it is suspended', () => working().handles(first.fill('e1', '4')).handles(first.suspended()), 'suspended'],
    ['it is cancelled', () => working().handles(first.fill('e1', '4')).handles(first.canceled()), 'canceled'],
    ['it has expired', () => working().handles(first.fill('e1', '4')).handles(first.expired()), 'expired'],
  ] as const)('while %s moves only the money', (_, story, status) => {
    const reserved = status === 'canceled' || status === 'expired' ? '0' : '1015.51';
    const available = reserved === '0' ? '5000' : '3984.49';
    story().handles(first.bust('e1')).then('OrderExecutionBusted', 'FillReversed').at(status, available, reserved);
  });
});

describe('a correction', () => {
  it('reverses the booking and books the new figures, in one save', () => {
    const story = working()
      .handles(first.fill('e1', '4'))
      .handles(first.correct('e1', '3', '100'));
    story.then('OrderExecutionCorrected', 'FillReversed', 'FillSettled').at('partiallyFilled', '3988.99', '710.86');
    story.saying('FillReversed', { quantity: '4', notional: '404', reservation: { quantity: '6' } });
    story.saying('FillSettled', {
      quantity: '3',
      notional: '300',
      fee: '0.15',
      reservation: { quantity: '7', amount: '710.86' },
    });
    story.saying('OrderExecutionCorrected', {
      was: { quantity: '4', notional: '404' },
      cumulativeQuantity: '3',
      accountVersion: 6,
    });
    story.again().then();
  });

  it('to the whole quantity ends the order, even while it is paused', () => {
    for (const pause of [first.doneForDay(), first.suspended()]) {
      const story = working().handles(first.fill('e1', '4')).handles(pause).handles(first.correct('e1', '10'));
      story.then('OrderExecutionCorrected', 'FillReversed', 'FillSettled', 'PlacementEnded').at('filled', '3989.5', '0');
    }
  });

  it('can follow a correction, and the end', () => {
    const story = working().handles(first.fill('e1', '10')).handles(first.correct('e1', '9')).at('filled', '4090.55', '0');
    story.handles(first.correct('e1', '11')).then('OrderExecutionCorrected', 'FillReversed', 'FillSettled');
    story.at('overfilled', '3888.45', '0').saying('OrderExecutionCorrected', { excessQuantity: '1' });
  });
});

describe('an unknown outcome', () => {
  it('is recorded once, keeps the reservation, and ends with the proof', () => {
    const story = placed()
      .handles(first.unknown())
      .then('OrderOutcomeUnknown')
      .at('unknown', '3984.49', '1015.51')
      .again()
      .then();
    story.handles(first.accepted()).then('OrderAccepted').handles(first.unknown()).then().at('new', '3984.49', '1015.51');
  });

  it('calls for an operator once, and records when it resumes', () => {
    const story = placed().handles(first.unresolved()).then();
    story.handles(first.unknown()).handles(first.unresolved()).then('PlacementStuck');
    story.saying('PlacementStuck', { waitingFor: 'proof of what the brokerage has of revision 1', attempts: 9 });
    story.handles(first.unresolved()).then().at('unknown', '3984.49', '1015.51');
    expect(story.placement.isStuck).toBe(true);
    story.handles(first.accepted()).then('OrderAccepted', 'PlacementResumed');
    story.saying('PlacementResumed', { waitingFor: 'proof of what the brokerage has of revision 1' });
    expect(story.placement.isStuck).toBe(false);
    story.handles(first.unresolved()).then();
  });

  it('ends with an execution too, and with an end', () => {
    placed()
      .handles(first.unknown())
      .handles(first.unresolved())
      .handles(first.fill('e1', '10'))
      .then('OrderExecuted', 'FillSettled', 'PlacementEnded');
    placed().handles(first.unknown()).handles(first.rejected()).then('OrderRejected', 'ReservationReleased', 'PlacementEnded');
  });

  it('is ignored if the brokerage has shown that it has the order, even while a request waits', () => {
    working().handles(first.unknown()).then().cancel().handles(first.unknown()).then().handles(first.unresolved()).then();
    placed().handles(first.fill('e1', '4')).cancel().handles(first.unknown()).then();
  });

  it('of a replacement is recorded with its number; only reports on that revision prove it', () => {
    const story = working().replace({ quantity: '12' }).handles(second.unknown()).then('OrderOutcomeUnknown');
    story.saying('OrderOutcomeUnknown', { revision: 2 }).at('unknown', '3781.39', '1218.61');
    story.handles(first.fill('e1', '4')).then('OrderExecuted', 'FillSettled').handles(first.doneForDay()).then('OrderDoneForDay');
    story
      .handles(second.unresolved())
      .then('PlacementStuck')
      .saying('PlacementStuck', { waitingFor: expect.stringContaining('revision 2') });
    expect(story.order.status).toBe('unknown');
    story.handles(second.replaceRejected()).then('OrderReplaceRejected', 'ReservationChanged', 'PlacementResumed');
    story.at('doneForDay', '3986.49', '609.31');
  });

  it('calls for an operator for each revision', () => {
    const story = working()
      .replace({ quantity: '12' })
      .handles(second.unknown())
      .handles(second.unresolved())
      .then('PlacementStuck');
    story.handles(second.replaceRejected()).replace({ quantity: '13' }).handles(broker(3).unresolved()).then('PlacementStuck');
  });

  it('of a revision that has taken over changes nothing when handled late', () => {
    const story = working().replace({ quantity: '12' }).handles(first.replaced()).then('OrderReplaced').cancel();
    story.handles(second.unknown()).then().handles(second.unresolved()).then();
    expect(story.order.status).toBe('pendingCancel');
    const again = working().replace({ quantity: '12' }).handles(first.replaced()).replace({ quantity: '14' });
    again.handles(second.unknown()).then();
    expect(again.order.status).toBe('pendingReplace');
  });
});

describe('input that is too early, or concerns nothing', () => {
  const input = (event: object, aggregateId: string) =>
    ({ ...recordedSample(), aggregateType: 'BrokerOrder', aggregateId, ...event }) as unknown as RecordedEvent<PlacementInput>;

  it('has no effect for an order that does not exist or was denied: it has no placement', () => {
    const nothing = { order: [], account: [], placement: [] };
    const denied = new Order(orderId).replay([
      new OrderPlaced(sampleTerms()),
      new OrderDenied({ rule: 'x', detail: 'y', figures: {} }),
    ]);
    for (const order of [new Order(orderId), denied]) {
      const participants = { order, account: new Account('a'), placement: new OrderPlacement('p') };
      expect(decidePlacement(input(first.fill('e1', '1'), revisionId(1)), participants, '2026-01-02T09:00:00Z')).toEqual(nothing);
    }
  });

  it('from the brokerage may come before the order: the current state of the order counts', () => {
    const story = placed();
    story.handles(first.fill('e1', '10')).then('OrderExecuted', 'FillSettled', 'PlacementEnded');
  });

  it('from a BrokerOrder that is not a revision of the order changes only what it traded', () => {
    const story = working();
    for (const word of [
      broker(9).accepted(),
      broker(9).canceled(),
      broker(9).unknown(),
      broker(9).rejected(),
      broker(9).replaced('x'),
    ])
      story.handles(word).then();
    story.handles(broker(9).fill('e1', '1')).then('OrderExecuted', 'FillSettled');
  });
});

describe('the first step', () => {
  it('carries the terms for the brokerage, and the conditions that must hold until it is sent', () => {
    const story = placed();
    const { clientOrderId: _, ...terms } = sampleTerms();
    expect(story.data(SubmitBrokerOrder.type)).toEqual({
      ...terms,
      orderId,
      revision: 1,
      target: revisionId(1),
      commandId: expect.any(String),
      attempt: 1,
      dueAt: '2026-01-02T09:00:30.000Z',
    });
  });
});
