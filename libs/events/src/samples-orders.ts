import * as orders from './orders.ts';
import * as placements from './order-placement.ts';
import { sampleTerms, sampleText } from './sample-terms.ts';

const orderId = '0190a6e0-0000-7000-8000-00000000a001';
const brokerOrderId = '0190a6e0-0000-7000-8000-00000000b001';
const nextBrokerOrderId = '0190a6e0-0000-7000-8000-00000000b002';
const { accountId, clientOrderId: _, ...terms } = sampleTerms({ type: 'stopLimit', stopPrice: '100.25' });

const execution: orders.Execution = {
  executionId: '0190a6e0-0000-7000-8000-00000000e001',
  quantity: '4',
  price: '101.25',
  executedAt: '2026-01-02T09:00:00.123456Z',
};
const approval: orders.Approval = {
  referencePrice: '101',
  referencePriceAt: '2026-01-02T08:59:59Z',
  reservePrice: '101.5',
  collarPrice: '106.05',
  goodUntil: '2026-01-02T21:00:00Z',
};
const changes: orders.ReplaceTerms = { quantity: '12', limitPrice: '102', stopPrice: '101' };
const value: orders.Value = { notional: '405', fee: '0.2' };
const totals = { cumulativeQuantity: '4', leavesQuantity: '6', excessQuantity: '1', accountVersion: 7 };
const amended = { was: { quantity: '5', price: '101', notional: '505', fee: '0.25' }, ...totals };

/** One event of each class of an Order, with every field that it may have. */
export const orderSamples: { readonly [E in orders.OrderEvent as E['type']]: E } = {
  OrderPlaced: new orders.OrderPlaced(sampleTerms({ type: 'stopLimit', stopPrice: '100.25' })),
  OrderApproved: new orders.OrderApproved({ ...approval, accountVersion: 7 }),
  OrderDenied: new orders.OrderDenied({
    rule: 'insufficient-funds',
    detail: 'The order needs 1015.51, and 900 is available.',
    figures: { needed: '1015.51', available: '900' },
    reason: sampleText('a007'),
  }),
  OrderAccepted: new orders.OrderAccepted({ revision: 1, brokerOrderId }),
  OrderRejected: new orders.OrderRejected({ code: '40310000', reason: 'insufficient buying power', accountVersion: 7 }),
  OrderOutcomeUnknown: new orders.OrderOutcomeUnknown({ revision: 1, reason: 'no answer within 5000 ms' }),
  OrderExecuted: new orders.OrderExecuted({ ...execution, ...value, ...totals, revision: 1 }),
  OrderExecutionBusted: new orders.OrderExecutionBusted({ executionId: execution.executionId, ...amended }),
  OrderExecutionCorrected: new orders.OrderExecutionCorrected({ ...execution, ...value, ...amended }),
  OrderCancelRequested: new orders.OrderCancelRequested({ reason: sampleText('a006') }),
  OrderCancelRejected: new orders.OrderCancelRejected({ reason: 'it is filled' }),
  OrderCanceled: new orders.OrderCanceled({ reason: 'by the brokerage', accountVersion: 7 }),
  OrderReplaceRequested: new orders.OrderReplaceRequested({ revision: 2, ...changes, ...approval, accountVersion: 7 }),
  OrderReplaced: new orders.OrderReplaced({
    revision: 2,
    brokerOrderId: nextBrokerOrderId,
    quantity: '12',
    limitPrice: '102',
    stopPrice: '101',
    accountVersion: 7,
  }),
  OrderReplaceRejected: new orders.OrderReplaceRejected({ revision: 2, reason: 'it is filled', accountVersion: 7 }),
  OrderExpired: new orders.OrderExpired({ reason: 'time-in-force', accountVersion: 7 }),
  OrderDoneForDay: new orders.OrderDoneForDay({}),
  OrderSuspended: new orders.OrderSuspended({ reason: 'volatility' }),
  OrderResumed: new orders.OrderResumed({}),
};

const step = (target: string) => ({
  target,
  commandId: '0190a6e0-0000-7000-8000-00000000c001',
  attempt: 1,
  dueAt: '2026-01-02T09:00:10.000Z',
});
const revision = {
  accountId,
  orderId,
  revision: 1,
  ...terms,
  collarPrice: '106.05',
  goodUntil: '2026-01-02T21:00:00Z',
};

/** One event of each class of an OrderPlacement, with every field that it may have. */
export const placementSamples: { readonly [E in placements.OrderPlacementEvent as E['type']]: E } = {
  SubmitBrokerOrder: new placements.SubmitBrokerOrder({ ...step(brokerOrderId), ...revision }),
  ReplaceBrokerOrder: new placements.ReplaceBrokerOrder({
    ...step(nextBrokerOrderId),
    ...revision,
    ...changes,
    revision: 2,
    quantity: '12',
    replaces: brokerOrderId,
  }),
  CancelBrokerOrder: new placements.CancelBrokerOrder({ ...step(brokerOrderId), orderId, accountId, revision: 1 }),
  RevisionEnded: new placements.RevisionEnded({
    revision: 1,
    change: { type: 'OrderExpired', data: { reason: 'time-in-force' } },
  }),
  PlacementStuck: new placements.PlacementStuck({
    waitingFor: 'the gateway to take SubmitBrokerOrder',
    attempts: 5,
    commandId: step(brokerOrderId).commandId,
  }),
  PlacementResumed: new placements.PlacementResumed({
    waitingFor: 'the gateway to take SubmitBrokerOrder',
    commandId: step(brokerOrderId).commandId,
  }),
  PlacementEnded: new placements.PlacementEnded({ outcome: 'filled' }),
};
