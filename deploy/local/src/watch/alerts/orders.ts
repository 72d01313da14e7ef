import { most, risen, type Alert, type Group, type Times } from './alert.ts';
import { limits } from './limits.ts';

/** Orders on their way to the brokerage and back. */
export const orderAlerts = (times: Times): Group => ({
  name: 'tradecore-orders',
  alerts: [...saga(times), ...brokerage(times), ...market(times), ...books(times)],
});

const saga = ({ span, age }: Times): Alert[] => [
  {
    alert: 'SagaStuck',
    severity: 'critical',
    expr: `${most('tradecore_sagas_stuck')} > 0`,
    summary: 'A step of order-saga was not answered within its budget.',
    runbook: 'stuck-saga',
  },
  {
    alert: 'DeadlinesLate',
    severity: 'critical',
    expr: `${most('tradecore_saga_timers_late')} > 0`,
    for: span(60),
    summary: 'Deadlines of order-saga have passed and are not handled.',
    runbook: 'stuck-saga',
  },
  {
    alert: 'OrdersNotSent',
    severity: 'critical',
    expr: `${most('tradecore_orders_oldest_open_age_seconds{status="pendingNew"}')} > ${age(limits.pendingOrderSeconds)}`,
    for: span(60),
    summary: 'An order was acknowledged minutes ago and the brokerage has not answered to it.',
    runbook: 'stuck-saga',
  },
];

const brokerage = ({ span }: Times): Alert[] => [
  {
    alert: 'BrokerOutcomeUnresolved',
    severity: 'critical',
    expr: `${most('tradecore_broker_orders{state="unresolved"}')} > 0`,
    summary: 'It could not be found out whether the brokerage has an order; its reservation stays.',
    runbook: 'unknown-outcome',
  },
  {
    alert: 'BrokerOutcomeUnknown',
    severity: 'warning',
    expr: `${most('tradecore_broker_orders{state="unknown"}')} > 0`,
    for: span(120),
    summary: 'It has been unknown for two minutes whether the brokerage has an order.',
    runbook: 'unknown-outcome',
  },
  {
    alert: 'BrokerAway',
    severity: 'critical',
    expr: `${most('tradecore_broker_circuit_open')} == 1 or ${most('tradecore_broker_stream_up')} == 0`,
    for: span(60),
    summary: 'The brokerage does not answer, or its updates are not read; orders wait.',
    runbook: 'unknown-outcome',
  },
  {
    alert: 'ForeignOrder',
    severity: 'warning',
    expr: risen('tradecore_broker_foreign_orders_total', span(86_400)),
    summary: 'Within a day the brokerage had an order that is not ours.',
    runbook: 'foreign-order',
  },
  {
    alert: 'OrderOverfilled',
    severity: 'warning',
    expr: risen('tradecore_orders_overfilled_total', span(86_400)),
    summary: 'Within a day the brokerage traded more of an order than its client wanted; all of it is booked.',
    runbook: 'overfilled-order',
  },
  {
    alert: 'ExecutionBusted',
    severity: 'warning',
    expr: ['busted', 'corrected'].map((how) => risen(`tradecore_executions_${how}_total`, span(86_400))).join('\nor '),
    summary: 'Within a day the brokerage took a trade back or corrected it; the booking is reversed or corrected.',
    runbook: 'overfilled-order',
  },
];

const market = ({ span, age }: Times): Alert[] => [
  {
    alert: 'MarketDataStale',
    severity: 'critical',
    expr:
      `max by (namespace) (tradecore_market_data_newest_price_age_seconds and on (namespace, instance) tradecore_market_open == 1) > ${age(limits.priceSeconds)}` +
      ' or min by (namespace) (tradecore_market_data_read) == 0',
    for: span(60),
    summary: 'A door does not know the market, or only old prices; orders that need a price are answered 503.',
    runbook: 'market-data-away',
  },
  {
    alert: 'MarketFeedBehind',
    severity: 'warning',
    expr: `${most('tradecore_market_feed_age_seconds')} > ${age(limits.marketSeconds)}`,
    for: span(60),
    summary: 'The gateway could not read and publish all instruments and prices; those that are missing grow old.',
    runbook: 'market-data-away',
  },
];

const books = ({ span, age }: Times): Alert[] => [
  {
    alert: 'LedgerImbalance',
    severity: 'critical',
    expr: `${most('tradecore_ledger_imbalance')} > 0`,
    summary: 'The books of an account do not sum to zero.',
    runbook: 'ledger-imbalance',
  },
  {
    alert: 'ReconciliationFindings',
    severity: 'critical',
    expr: `${most('tradecore_reconciliation_findings', 'check')} > 0`,
    summary: 'Store, topics and read models do not say the same; each difference is named.',
    runbook: 'reconciliation-findings',
  },
  {
    alert: 'ReconcilerBehind',
    severity: 'warning',
    expr: (
      [
        ['topics|orphans', limits.comparedSeconds],
        ['models', limits.modelsComparedSeconds],
      ] as const
    )
      .map(
        ([checks, seconds]) =>
          `time() - ${most(`tradecore_reconciliation_covered_until_timestamp_seconds{check=~"${checks}"}`, 'check')} > ${age(seconds)}`,
      )
      .join('\nor '),
    for: span(600),
    summary: 'The reconciler compares nothing; what goes wrong is not found.',
    runbook: 'reconciler-behind',
  },
];
