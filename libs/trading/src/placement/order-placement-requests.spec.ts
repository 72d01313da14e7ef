import { broker, PlacementStory, revisionId } from '../../test/placement-story.ts';

const { placed, working } = PlacementStory;
const first = broker(1);
const second = broker(2);

describe('a cancel', () => {
  it('is a step to the gateway, and the brokerage decides', () => {
    const story = working()
      .cancel()
      .then('CancelBrokerOrder')
      .saying('CancelBrokerOrder', { target: revisionId(1), revision: 1, attempt: 1 });
    story.again().then().at('pendingCancel', '3984.49', '1015.51');
    story.handles(first.canceled()).then('OrderCanceled', 'ReservationReleased', 'PlacementEnded').at('canceled', '5000', '0');
  });

  it('before the acknowledgement goes to the gateway, which then does not send the order', () => {
    placed()
      .cancel()
      .then('CancelBrokerOrder')
      .handles(first.canceled(false))
      .then('OrderCanceled', 'ReservationReleased', 'PlacementEnded');
    placed().handles(first.unknown()).cancel().then('CancelBrokerOrder').handles(first.accepted()).then('OrderAccepted');
  });

  it('not yet handled by the saga is requested with the next input', () => {
    const story = working()
      .asksToCancel()
      .handles(first.fill('e1', '4'))
      .then('OrderExecuted', 'FillSettled', 'CancelBrokerOrder');
    story.handlesRequest().then();
  });

  it('that was refused leaves the order working, and a later one is a separate step', () => {
    const story = working().cancel();
    const asked = story.data('CancelBrokerOrder')['commandId'] as string;
    story.handles(first.cancelRejected(asked)).then('OrderCancelRejected').again().then().at('new', '3984.49', '1015.51');
    story.cancel().then('CancelBrokerOrder').handles(first.cancelRejected(asked)).then().handles(first.cancelRejected()).then();
    expect([story.order.status, story.data('CancelBrokerOrder')['commandId'] === asked]).toEqual(['pendingCancel', false]);
    story.handles(first.cancelRejected(story.data('CancelBrokerOrder')['commandId'] as string)).then('OrderCancelRejected');
  });

  it('loses against the last fill, and the refusal that follows changes nothing', () => {
    const story = working().cancel().handles(first.fill('e1', '10')).then('OrderExecuted', 'FillSettled', 'PlacementEnded');
    story
      .handles(first.cancelRejected(story.data('CancelBrokerOrder')['commandId'] as string))
      .then()
      .at('filled', '3989.5', '0');
  });

  it('handled after the end does nothing', () =>
    void working()
      .asksToCancel()
      .handles(first.fill('e1', '10'))
      .then('OrderExecuted', 'FillSettled', 'PlacementEnded')
      .handlesRequest()
      .then());

  it('shows the pause again when it is refused', () => {
    const story = working()
      .handles(first.suspended())
      .then('OrderSuspended')
      .cancel()
      .handles(first.doneForDay())
      .then('OrderDoneForDay');
    story.again().then();
    story.handles(first.cancelRejected(story.data('CancelBrokerOrder')['commandId'] as string)).then('OrderCancelRejected');
    expect(story.order.status).toBe('doneForDay');
    expect(story.data('OrderCancelRejected')).not.toHaveProperty('accountVersion');
  });
});

describe('a pause', () => {
  it('starts and ends, each once', () => {
    const story = working().handles(first.doneForDay()).then('OrderDoneForDay').again().then();
    story.handles(first.resumed()).then('OrderResumed').again().then().at('new', '3984.49', '1015.51');
    story.handles(first.suspended()).then('OrderSuspended').saying('OrderSuspended', { reason: 'volatility' });
    story
      .handles(first.fill('e1', '4'))
      .at('suspended', '3986.49', '609.31')
      .handles(first.resumed())
      .at('partiallyFilled', '3986.49', '609.31');
  });

  it('of a revision that is not in force does nothing', () =>
    void working().handles(second.suspended()).then().handles(second.resumed()).then().handles(second.doneForDay()).then());
});

describe('a replace', () => {
  it('is a step to the gateway once its worst case is reserved, and takes over when the brokerage has it', () => {
    const story = working().replace({ quantity: '12', limitPrice: '102' }).then('ReplaceBrokerOrder').again().then();
    story.saying('ReplaceBrokerOrder', {
      target: revisionId(2),
      replaces: revisionId(1),
      revision: 2,
      quantity: '12',
      limitPrice: '102',
    });
    story.at('pendingReplace', '3775.38', '1224.62');
    story
      .handles(second.accepted())
      .then('OrderReplaced')
      .saying('OrderReplaced', { revision: 2, quantity: '12', limitPrice: '102' });
    story.handles(first.replaced()).then().at('new', '3775.38', '1224.62');
    story.handles(second.fill('e1', '12', '102')).then('OrderExecuted', 'FillSettled', 'PlacementEnded');
    story.saying('OrderExecuted', { revision: 2, cumulativeQuantity: '12' }).at('filled', '3775.39', '0');
  });

  it.each([
    ['its acknowledgement', second.accepted(), ['OrderReplaced']],
    ['the end of the previous one', first.replaced(), ['OrderReplaced']],
    ['its fill', second.fill('e1', '5'), ['OrderReplaced', 'OrderExecuted', 'FillSettled']],
    ['its own end', second.canceled(), ['OrderReplaced', 'OrderCanceled', 'ReservationReleased', 'PlacementEnded']],
  ] as const)('takes over with %s, whichever comes first', (_, word, events) => {
    const story = working()
      .replace({ quantity: '12' })
      .handles(word)
      .then(...events);
    if (story.order.status === 'canceled') return;
    story.handles(first.replaced()).then().handles(second.accepted()).then();
  });

  it('to less frees the difference only when the new terms hold', () => {
    const story = working().replace({ quantity: '8' }).at('pendingReplace', '3984.49', '1015.51');
    story.handles(second.accepted()).then('OrderReplaced', 'ReservationChanged').at('new', '4187.59', '812.41');
    story.saying('OrderReplaced', { accountVersion: story.account.version });
  });

  it('to more shares at a lower price reserves for the old terms filled first, so nothing is overdrawn', () => {
    const story = working({ cash: '1110.56' }).replace({ quantity: '11', limitPrice: '95' }).at('pendingReplace', '0', '1110.56');
    story.handles(first.fill('e1', '10', '101.5')).at('pendingReplace', '0.01', '95.05');
  });

  it('that is refused frees the extra reservation, and the old terms stay in force', () => {
    const story = working().replace({ quantity: '12' }).handles(second.replaceRejected());
    story.then('OrderReplaceRejected', 'ReservationChanged').at('new', '3984.49', '1015.51').again().then();
    story.saying('OrderReplaceRejected', { revision: 2, reason: 'not now', accountVersion: story.account.version });
    story.replace({ quantity: '12' }).saying('ReplaceBrokerOrder', { revision: 3, replaces: revisionId(1) });
  });

  it('whose revision ends before it was sent is refused too', () => {
    working().replace({ quantity: '12' }).handles(second.rejected()).then('OrderReplaceRejected', 'ReservationChanged');
    const story = working()
      .replace({ quantity: '12' })
      .handles(second.canceled(false))
      .then('OrderReplaceRejected', 'ReservationChanged');
    story.saying('OrderReplaceRejected', { reason: 'cancelled before it was sent' });
  });

  it('counts fills of the old revision, before and after it took over', () => {
    const story = working().handles(first.fill('e1', '4')).replace({ quantity: '12' }).handles(first.fill('e2', '2'));
    story.handles(second.accepted()).at('partiallyFilled', '3784.39', '609.31').handles(first.fill('e3', '1'));
    story.handles(second.fill('e4', '5')).then('OrderExecuted', 'FillSettled', 'PlacementEnded');
    story.saying('OrderExecuted', { cumulativeQuantity: '12', revision: 2 });
  });

  it('at the gateway keeps an order that filled under the old terms open until it is answered', () => {
    const story = working().replace({ quantity: '12' }).handles(first.fill('e1', '10')).then('OrderExecuted', 'FillSettled');
    story.at('pendingReplace', '3786.39', '203.11');
    story
      .handles(second.replaceRejected())
      .then('OrderReplaceRejected', 'ReservationReleased', 'PlacementEnded')
      .at('filled', '3989.5', '0');
    const taken = working()
      .replace({ quantity: '12' })
      .handles(first.fill('e1', '10'))
      .handles(second.accepted())
      .then('OrderReplaced');
    taken.at('partiallyFilled', '3786.39', '203.11');
  });

  it('at the gateway when the old revision has filled and a part is taken back: the order does not reopen', () => {
    const story = working().handles(first.fill('e1', '4')).replace({ quantity: '12' }).handles(first.fill('e2', '6'));
    story
      .handles(first.bust('e1'))
      .then('OrderExecutionBusted', 'FillReversed', 'RevisionEnded')
      .handles(second.replaceRejected());
    story.then('OrderReplaceRejected', 'OrderCanceled', 'ReservationReleased', 'PlacementEnded');
    story.saying('OrderCanceled', { reason: 'filled, and taken back by the brokerage' });
  });

  it('that was not sent is refused in the save of the last fill', () => {
    const story = working().asksToReplace({ quantity: '12' }).handles(first.fill('e1', '10'));
    story.then('OrderExecuted', 'OrderReplaceRejected', 'FillSettled', 'PlacementEnded').at('filled', '3989.5', '0');
    story.saying('OrderReplaceRejected', { reason: 'the order ended first' }).handlesRequest().then();
  });

  it('that was not sent ends with its order', () =>
    void working()
      .asksToReplace({ quantity: '12' })
      .handles(first.canceled())
      .then('OrderCanceled', 'ReservationReleased', 'PlacementEnded'));

  it('that was not sent is refused when the client also requests a cancel', () => {
    const story = working().asksToReplace({ quantity: '12' }).asksToCancel().handles(first.doneForDay());
    story.then('OrderDoneForDay', 'OrderReplaceRejected', 'ReservationChanged', 'CancelBrokerOrder');
    story.saying('OrderReplaceRejected', { accountVersion: story.account.version });
    expect(story.data('OrderDoneForDay')).toEqual({});
  });

  it('at the gateway precedes a cancel, which goes to the surviving revision', () => {
    const refused = working().replace({ quantity: '12' }).cancel().then().handles(second.replaceRejected());
    refused
      .then('OrderReplaceRejected', 'ReservationChanged', 'CancelBrokerOrder')
      .saying('CancelBrokerOrder', { target: revisionId(1) });
    const taken = working()
      .replace({ quantity: '12' })
      .cancel()
      .then()
      .handles(second.accepted())
      .then('OrderReplaced', 'CancelBrokerOrder');
    taken
      .saying('CancelBrokerOrder', { target: revisionId(2) })
      .handles(second.canceled())
      .at('canceled', '5000', '0');
  });

  it.each([
    ['expires', first.expired(), 'OrderExpired', 'expired'],
    ['is cancelled', first.canceled(), 'OrderCanceled', 'canceled'],
    ['is rejected', first.rejected(), 'OrderRejected', 'rejected'],
  ] as const)(
    'at the gateway when the old revision %s: the order ends if the replace is refused, and continues otherwise',
    (_, end, event, status) => {
      const refused = working().replace({ quantity: '12' }).handles(end).then('RevisionEnded').again().then();
      refused.at('pendingReplace', '3781.39', '1218.61').handles(second.replaceRejected());
      refused.then('OrderReplaceRejected', event, 'ReservationReleased', 'PlacementEnded').at(status, '5000', '0');
      const taken = working().replace({ quantity: '12' }).handles(end).handles(second.accepted()).then('OrderReplaced');
      taken.at('new', '3781.39', '1218.61').handles(second.fill('e1', '12')).at('filled', '3787.4', '0');
    },
  );

  it('after a replace is a separate revision, and old answers do not affect it', () => {
    const story = working()
      .replace({ quantity: '12' })
      .handles(second.accepted())
      .replace({ limitPrice: '100' })
      .then('ReplaceBrokerOrder');
    story.saying('ReplaceBrokerOrder', { revision: 3, replaces: revisionId(2), quantity: '12', limitPrice: '100' });
    story.handles(second.replaceRejected()).then().handles(second.accepted()).then().handles(first.expired()).then();
    story.handles(broker(3).accepted()).then('OrderReplaced', 'ReservationChanged').at('new', '3799.4', '1200.6');
  });

  it('by a foreign order calls for an operator, once', () => {
    const story = working()
      .handles(first.replaced('foreign'))
      .then('PlacementStuck')
      .again()
      .then()
      .at('new', '3984.49', '1015.51');
    story.handles(first.fill('e1', '4')).then('OrderExecuted', 'FillSettled');
    expect(story.placement.isStuck).toBe(true);
  });

  it('by another order changes nothing once the order has ended', () =>
    void working().handles(first.canceled()).handles(first.replaced('foreign')).then());

  it('that was given up and is found in the place of the old revision calls for an operator, and its end ends the order', () => {
    const story = working().replace({ quantity: '12' }).handles(second.replaceRejected()).handles(second.accepted()).then();
    story.handles(first.replaced()).then('PlacementStuck').handles(second.fill('e1', '3')).then('OrderExecuted', 'FillSettled');
    story
      .handles(second.canceled())
      .then('OrderCanceled', 'ReservationReleased', 'PlacementEnded')
      .at('canceled', '4696.85', '0');
    expect(story.placement.isStuck).toBe(false);
  });

  it('that was given up and found while another is at the gateway: the answer to the other one counts', () => {
    const story = working().replace({ quantity: '12' }).handles(second.replaceRejected()).replace({ quantity: '13' });
    story.handles(first.replaced()).then('PlacementStuck').handles(second.canceled()).then('RevisionEnded');
    story
      .handles(broker(3).replaceRejected())
      .then('OrderReplaceRejected', 'OrderCanceled', 'ReservationReleased', 'PlacementEnded');
  });
});
