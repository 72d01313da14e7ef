import { OrderCancelRequested, OrderPlaced } from '@tradecore/events';
import { recordedSample, sampleTerms, sampleText } from '@tradecore/events/testing';
import { givenEvents } from '@tradecore/consumers/testing';
import { Feed, Orders, type OrderRow } from './index.ts';

const aggregateId = '0190a6e0-0000-7000-8000-000000000001';
const account = sampleTerms().accountId;
const metadata = { account };
const placed = recordedSample(new OrderPlaced(sampleTerms()), { aggregateId, metadata });
const cancelRequested = recordedSample(new OrderCancelRequested({ reason: sampleText('0001') }), {
  aggregateId,
  aggregateVersion: 2,
  metadata,
  time: '2026-01-02T03:04:06.000007Z',
});
const row: OrderRow = {
  ...sampleTerms(),
  orderId: aggregateId,
  status: 'pendingNew',
  execType: 'A',
  canceling: false,
  filledQuantity: '0',
  executedValue: '0',
  revision: 1,
  revisions: [],
  version: 1,
  createdAt: placed.time,
  updatedAt: placed.time,
};

describe('the row of an order', () => {
  it('shows its terms, pendingNew, once it is placed', () => givenEvents(Orders, placed).thenRow(row));

  it('shows that a cancel was requested, and why', () =>
    givenEvents(Orders, placed, cancelRequested).thenRow({
      ...row,
      status: 'pendingCancel',
      execType: '6',
      canceling: true,
      cancelReason: sampleText('0001'),
      version: 2,
      updatedAt: cancelRequested.time,
    }));

  it('is never created by a cancel alone', () =>
    expect(() => givenEvents(Orders, cancelRequested).thenNothing()).toThrow('never placed'));
});

describe("an account's feed", () => {
  const line = { accountId: account, orderId: aggregateId };
  const first = {
    ...line,
    sequence: '1',
    eventId: placed.id,
    orderVersion: 1,
    change: 'orderPlaced',
    time: placed.time,
    data: sampleTerms(),
  };

  it('numbers the changes of all its orders without gaps', () => {
    const other = recordedSample(new OrderPlaced(sampleTerms()), { metadata });
    givenEvents(Feed, placed, other, cancelRequested).thenRow({ accountId: account, sequence: '3' });
    givenEvents(Feed, placed, cancelRequested).thenAppended(first, {
      ...line,
      sequence: '2',
      eventId: cancelRequested.id,
      orderVersion: 2,
      change: 'orderCancelRequested',
      time: cancelRequested.time,
      data: { reason: sampleText('0001') },
    });
  });

  it('refuses an event that names no account', () =>
    expect(() => givenEvents(Feed, { ...placed, metadata: {} }).thenNothing()).toThrow('names no account'));
});
