import * as accounts from './accounts.ts';
import { OrderKeyUsed } from './order-keys.ts';
import * as brokerOrders from './broker-orders.ts';
import { sampleTerms, sampleText } from './sample-terms.ts';
import { CorrectionApplied } from './corrections.ts';
import { OperationPerformed } from './operations.ts';
import * as controls from './trading-control.ts';

const orderId = '0190a6e0-0000-7000-8000-00000000a001';
const brokerOrderId = '0190a6e0-0000-7000-8000-00000000b001';
const brokerageOrderId = '61e69015-8549-4bfd-b9c3-01e75843f47d';
const { clientOrderId: _, ...terms } = sampleTerms({ type: 'stopLimit', stopPrice: '100.25' });
const [ada, bob] = ['0190a6e0-0000-4000-8000-00000000ada0', '0190a6e0-0000-4000-8000-00000000b0b0'] as const;
const execution = {
  executionId: '0190a6e0-0000-7000-8000-00000000e001',
  quantity: '4',
  price: '101.25',
  executedAt: '2026-01-02T09:00:00.123456Z',
};

const usd = (book: accounts.Posting['book'], amount: string): accounts.Posting => ({
  book,
  kind: 'currency',
  unit: 'USD',
  amount,
});
const acme = (book: accounts.Posting['book'], amount: string): accounts.Posting => ({
  book,
  kind: 'symbol',
  unit: 'ACME',
  amount,
});
const reservation: accounts.Reservation = {
  orderId,
  symbol: 'ACME',
  side: 'buy',
  quantity: '10',
  unitPrice: '101.5',
  amount: '1015.51',
};

const booking = { ...execution, orderId, symbol: 'ACME', side: 'buy', notional: '405', fee: '0.2' } as const;

/** What an operator did. */
export const operationSamples = {
  OperationPerformed: new OperationPerformed({
    command: 'parked redrive',
    arguments: { name: 'order-projector', id: orderId },
    why: 'release 1.4.1 folds it',
    by: 'tradecore_operator',
    outcome: '1 marked',
  }),
};

/** What an owner was asked to look at again. */
export const correctionSamples = {
  CorrectionApplied: new CorrectionApplied({
    kind: 'redeliver',
    owner: 'order-saga',
    target: orderId,
    events: [brokerOrderId],
    check: 'orphans',
    finding: 'execution',
    subject: brokerOrderId,
    version: 2,
  }),
};

/** A key that a repeat of an order came under. */
export const orderKeySamples = { OrderKeyUsed: new OrderKeyUsed({ orderId }) };

/** One event of each class of an Account, with every field that it may have. */
export const accountSamples: { readonly [E in accounts.AccountEvent as E['type']]: E } = {
  AccountOpened: new accounts.AccountOpened({ owner: ada, currency: 'USD', name: sampleText('a001') }),
  AccountAccessGranted: new accounts.AccountAccessGranted({ person: bob, scopes: ['read', 'trade'] }),
  AccountAccessRevoked: new accounts.AccountAccessRevoked({ person: bob }),
  FundsDeposited: new accounts.FundsDeposited({
    amount: '5000',
    reference: sampleText('a002'),
    postings: [usd('outside', '-5000'), usd('available', '5000')],
  }),
  FundsWithdrawn: new accounts.FundsWithdrawn({
    amount: '100',
    reference: sampleText('a003'),
    postings: [usd('available', '-100'), usd('outside', '100')],
  }),
  ReservationMade: new accounts.ReservationMade({
    ...reservation,
    postings: [usd('available', '-1015.51'), usd('reserved', '1015.51')],
  }),
  ReservationChanged: new accounts.ReservationChanged({
    ...reservation,
    quantity: '12',
    amount: '1218.61',
    postings: [usd('available', '-203.1'), usd('reserved', '203.1')],
  }),
  ReservationReleased: new accounts.ReservationReleased({
    orderId,
    amount: '609.31',
    postings: [usd('reserved', '-609.31'), usd('available', '609.31')],
  }),
  FillSettled: new accounts.FillSettled({
    ...booking,
    reservation: { ...reservation, quantity: '6', amount: '609.31' },
    postings: [
      usd('reserved', '-406.2'),
      usd('available', '1'),
      usd('market', '405'),
      usd('fees', '0.2'),
      acme('market', '-4'),
      acme('available', '4'),
    ],
  }),
  FillReversed: new accounts.FillReversed({
    ...booking,
    reservation,
    postings: [
      usd('reserved', '406.2'),
      usd('available', '-1'),
      usd('market', '-405'),
      usd('fees', '-0.2'),
      acme('market', '4'),
      acme('available', '-4'),
    ],
  }),
};

/** One event of each class of a TradingControl, with every field that it may have. */
export const controlSamples: { readonly [E in controls.TradingControlEvent as E['type']]: E } = {
  TradingHalted: new controls.TradingHalted({ scope: 'all', reason: sampleText('a004') }),
  TradingResumed: new controls.TradingResumed({ scope: 'all', reason: sampleText('a005') }),
  RiskLimitsSet: new controls.RiskLimitsSet({
    scope: terms.accountId,
    maxOrderValue: '100000',
    maxOrderQuantity: '1000',
    priceCollarPercent: '10',
  }),
};

const revision: brokerOrders.RevisionTerms = {
  orderId,
  revision: 1,
  ...terms,
  collarPrice: '106.05',
  goodUntil: '2026-01-02T21:00:00Z',
};
const commandId = '0190a6e0-0000-7000-8000-00000000c001';
const ofOrder = { orderId, accountId: terms.accountId, revision: 1, opening: { commandId, terms: revision }, answers: commandId };
const traded = { ...ofOrder, symbol: 'ACME', side: 'buy', brokerageExecutionId: '20260102090000123::e1' } as const;

/** One event of each class of a BrokerOrder, with every field that it may have. */
export const brokerOrderSamples: { readonly [E in brokerOrders.BrokerOrderEvent as E['type']]: E } = {
  BrokerOrderAccepted: new brokerOrders.BrokerOrderAccepted({
    ...ofOrder,
    brokerageOrderId,
    found: true,
    carriedQuantity: '4',
    countsFromZero: true,
  }),
  BrokerOrderRejected: new brokerOrders.BrokerOrderRejected({
    ...ofOrder,
    code: '40310000',
    reason: 'insufficient buying power',
  }),
  BrokerOrderLapsed: new brokerOrders.BrokerOrderLapsed({ ...ofOrder, reason: 'collar', lastPrice: '107' }),
  BrokerOutcomeUnknown: new brokerOrders.BrokerOutcomeUnknown({ ...ofOrder, attempt: 1, reason: 'no answer within 5000 ms' }),
  BrokerOutcomeUnresolved: new brokerOrders.BrokerOutcomeUnresolved({
    ...ofOrder,
    attempts: 9,
    reason: 'no answer within 5000 ms',
  }),
  ExecutionReported: new brokerOrders.ExecutionReported({ ...execution, ...traded }),
  ExecutionBusted: new brokerOrders.ExecutionBusted({ ...traded, executionId: execution.executionId }),
  ExecutionCorrected: new brokerOrders.ExecutionCorrected({ ...execution, ...traded }),
  BrokerOrderCanceled: new brokerOrders.BrokerOrderCanceled({ ...ofOrder, atBrokerage: true, filledQuantity: '4' }),
  BrokerCancelRejected: new brokerOrders.BrokerCancelRejected({ ...ofOrder, reason: 'it is filled' }),
  BrokerOrderReplaced: new brokerOrders.BrokerOrderReplaced({
    ...ofOrder,
    by: '0190a6e0-0000-7000-8000-00000000b002',
    filledQuantity: '4',
  }),
  BrokerReplaceRejected: new brokerOrders.BrokerReplaceRejected({
    ...ofOrder,
    opening: { commandId, terms: { ...revision, revision: 2, replaces: brokerOrderId } },
    reason: 'it is filled',
  }),
  BrokerOrderExpired: new brokerOrders.BrokerOrderExpired({ ...ofOrder, filledQuantity: '4' }),
  BrokerOrderDoneForDay: new brokerOrders.BrokerOrderDoneForDay(ofOrder),
  BrokerOrderSuspended: new brokerOrders.BrokerOrderSuspended({ ...ofOrder, reason: 'volatility' }),
  BrokerOrderResumed: new brokerOrders.BrokerOrderResumed(ofOrder),
  ForeignOrderAdopted: new brokerOrders.ForeignOrderAdopted({
    brokerageOrderId,
    clientOrderId: 'by-hand-1',
    symbol: 'ACME',
    side: 'sell',
    quantity: '5',
    filledQuantity: '0',
    status: 'new',
    unreadable: 'symbol',
  }),
};
