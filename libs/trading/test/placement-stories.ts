import * as events from '@tradecore/events';
import { approval, revisionId, orderId, PlacementStory } from './placement-story.ts';

const reservation = { orderId, symbol: 'ACME', side: 'buy', quantity: '10', unitPrice: '101.5', amount: '1015.51' } as const;
const made = new events.ReservationMade({ ...reservation, postings: [] });
const changed = new events.ReservationChanged({ ...reservation, quantity: '12', amount: '1218.61', postings: [] });
const intent = new events.SubmissionRequested({ ...approval(), orderId, revision: 1 });
const accepted = new events.BrokerOrderAccepted({ brokerageOrderId: 'brokerage-1', found: false });
const cancelWish = new events.OrderCancelRequested({ reason: 'changed my mind' });
const replaceWish = new events.OrderReplaceRequested({ revision: 2, quantity: '12', limitPrice: '102', reservePrice: '102' });
const figures = { cumulativeQuantity: '4', leavesQuantity: '6' };
const price = { price: '101', executedAt: '2026-01-02T09:00:00Z' };

const fill = (executionId: string, quantity: string, revision = 1) =>
  new events.ExecutionReported({
    executionId,
    brokerageExecutionId: executionId,
    quantity,
    ...price,
    orderId,
    revision,
    symbol: 'ACME',
    side: 'buy',
  });
const settled = (executionId: string, quantity: string) =>
  new events.FillSettled({
    executionId,
    quantity,
    ...price,
    orderId,
    symbol: 'ACME',
    side: 'buy',
    notional: '404',
    fee: '0.2',
    postings: [],
  });
const released = (amount: string) => new events.ReservationReleased({ orderId, amount, postings: [] });
const executed = (executionId: string, quantity: string) =>
  new events.OrderExecuted({ executionId, quantity, ...price, revision: 1, ...figures });
const revision = { revision: 1, brokerOrderId: revisionId(1) };

const begun = (name: string, changes = {}) => PlacementStory.approved(changes, name).answer('ReservationAsked', made);
const atBroker = (name: string, changes = {}) =>
  begun(name, changes)
    .answer('SubmissionAsked', intent)
    .answer('OrderChangeAsked', new events.OrderSubmitted(revision))
    .broker(1, accepted)
    .answer('OrderChangeAsked', new events.OrderAccepted(revision));
const traded = (story: PlacementStory, executionId: string, quantity: string) =>
  story
    .broker(1, fill(executionId, quantity))
    .answer('SettlementAsked', settled(executionId, quantity))
    .answer('OrderChangeAsked', executed(executionId, quantity));

/** The stories whose histories are kept. A new one is added; those that are there stay as they are. */
export const stories = (): PlacementStory[] => [
  traded(traded(atBroker('filled-in-two-parts'), 'e1', '4'), 'e2', '6').answer('ReleaseAsked', released('5.01')),
  PlacementStory.approved({}, 'no-funds')
    .answer(
      'ReservationAsked',
      new events.ReservationRefused({ orderId, reason: 'insufficient-funds', needed: '1015.51', available: '900' }),
    )
    .answer('OrderChangeAsked', new events.OrderDenied({ rule: 'insufficient-funds', detail: 'too little', figures: {} })),
  PlacementStory.approved({}, 'cancelled-before-reserved').client(cancelWish).answer('ReservationAsked', made),
  traded(atBroker('cancelled-after-a-part').client(cancelWish), 'e1', '4')
    .answer('CancellationAsked', new events.CancellationRequested({}))
    .broker(1, new events.BrokerOrderCanceled({ atBroker: true, filledQuantity: '4' }))
    .answer('ReleaseAsked', released('609'))
    .answer('OrderChangeAsked', new events.OrderCanceled({}))
    .broker(1, fill('late', '1')),
  atBroker('replaced')
    .client(replaceWish)
    .answer('ReservationChangeAsked', changed)
    .answer('ReplacementAsked', new events.ReplacementRequested({ ...approval(), orderId, revision: 2, replaces: revisionId(1) }))
    .broker(2, accepted)
    .broker(1, new events.BrokerOrderReplaced({ by: revisionId(2), filledQuantity: '0' }))
    .broker(2, fill('e1', '12', 2)),
  atBroker('replace-refused-while-cancelling')
    .client(replaceWish)
    .answer('ReservationChangeAsked', changed)
    .client(cancelWish)
    .broker(2, new events.BrokerReplaceRejected({ reason: 'too late' }))
    .broker(1, new events.BrokerCancelRejected({ reason: 'not now' }))
    .broker(1, new events.BrokerOrderExpired({ filledQuantity: '0' })),
  begun('outcome-unknown', { type: 'market', collarPrice: '105', goodUntil: '2026-01-02T09:01:00.000Z' })
    .answer('SubmissionAsked', intent)
    .broker(1, new events.BrokerOutcomeUnknown({ attempt: 1, reason: 'timeout' }))
    .broker(1, new events.BrokerOutcomeUnresolved({ attempts: 9, reason: 'no answer' }))
    .broker(1, fill('e1', '10'))
    .broker(1, accepted),
  PlacementStory.approved({}, 'account-away')
    .untilDue()
    .untilDue()
    .untilDue()
    .untilDue()
    .untilDue()
    .answer('ReservationAsked', made),
  begun('gateway-away')
    .untilDue()
    .untilDue()
    .untilDue()
    .untilDue()
    .untilDue()
    .untilDue()
    .untilDue()
    .untilDue()
    .untilDue()
    .untilDue(),
  traded(atBroker('busted'), 'e1', '4')
    .broker(
      1,
      new events.ExecutionCorrected({
        executionId: 'e1',
        quantity: '3',
        ...price,
        orderId,
        revision: 1,
        symbol: 'ACME',
        side: 'buy',
      }),
    )
    .broker(1, new events.ExecutionBusted({ executionId: 'e1', orderId, revision: 1, symbol: 'ACME', side: 'buy' }))
    .broker(1, new events.BrokerOrderLapsed({ reason: 'time-in-force' })),
];
