import { gauge } from '@tradecore/telemetry';
import { isTerminal, ordStatuses } from '@tradecore/trading';
import { checkNames } from '../findings.ts';

/** Groups of consumers, projectors and the notifier; and a few that a release leaves behind. */
const groups = { labels: { group: [] }, atMost: 20 } as const;

/** The statuses of orders that may still trade. */
export const openStatuses = ordStatuses.filter((status) => !isTerminal(status));

/**
 * What tables and topics say of the whole fleet. They are here and not in the service that they speak of, so that they
 * are shown while it is gone. Each instance of the reconciler shows them: boards take `max by`.
 */
export const fleetGauges = {
  outbox: gauge({ name: 'tradecore_outbox_events', help: 'Events stored but not yet published; counted up to 100,000.' }),
  outboxAge: gauge({ name: 'tradecore_outbox_oldest_age_seconds', help: 'Age of the oldest unpublished event.' }),
  storeClosed: gauge({
    name: 'tradecore_store_closed',
    help: '1 while the store is closed: it was restored, and an operator has not decided yet.',
  }),
  storeMoved: gauge({
    name: 'tradecore_store_moved',
    help: '1 while the store is on a different server or timeline than before and no operator has acknowledged it.',
  }),
  halted: gauge({ name: 'tradecore_consumer_halted', help: '1 while the group is halted and waits for an operator.', ...groups }),
  lag: gauge({ name: 'tradecore_consumer_lag_events', help: 'Records that the group has not read yet.', ...groups }),
  unreadAge: gauge({
    name: 'tradecore_consumer_oldest_unread_seconds',
    help: 'Age of the oldest record that the group has not read; 0 when there is none.',
    ...groups,
  }),
  modelAge: gauge({
    name: 'tradecore_model_staleness_seconds',
    help: 'Age of the oldest stored event that the read model does not show: unread, or still in the outbox.',
    ...groups,
  }),
  parked: gauge({
    name: 'tradecore_parked',
    help: 'Aggregates of a read model, or pairs of saga and target, that are parked now.',
    ...groups,
  }),
  held: gauge({ name: 'tradecore_held_messages', help: 'Messages that wait now behind one that is parked.', ...groups }),
  deadLetters: gauge({ name: 'tradecore_dead_letters_waiting', help: 'Dead letters that wait now.', ...groups }),
  orders: gauge({ name: 'tradecore_orders_open', help: 'Orders that may still trade.', labels: { status: openStatuses } }),
  orderAge: gauge({
    name: 'tradecore_orders_oldest_open_age_seconds',
    help: 'Time since the last event of the order that has been longest in its status.',
    labels: { status: openStatuses },
  }),
  findings: gauge({
    name: 'tradecore_reconciliation_findings',
    help: 'Findings that are open and not acknowledged.',
    labels: { check: checkNames },
  }),
  covered: gauge({
    name: 'tradecore_reconciliation_covered_until_timestamp_seconds',
    help: 'Until when (seconds since 1970) all is compared; 0: nothing yet.',
    labels: { check: checkNames },
  }),
  imbalance: gauge({ name: 'tradecore_ledger_imbalance', help: 'Accounts whose books do not sum to zero, as last looked at.' }),
  halts: gauge({ name: 'tradecore_trading_halted', help: '1 while the kill switch refuses all new orders.' }),
  accountHalts: gauge({
    name: 'tradecore_trading_halted_accounts',
    help: 'Accounts whose own kill switch refuses new orders.',
  }),
};
