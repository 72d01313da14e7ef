import type { Board } from './board.ts';
import { lines, number, table } from './panels.ts';

/** Orders, money, and whether all that is said agrees. */
export const orders: Board = {
  uid: 'tradecore-orders',
  title: 'Orders and money',
  description: 'What is traded, what waits, does the money agree? Orders by status, denials, ledger, findings.',
  rows: [
    {
      title: 'Now',
      panels: [
        number(
          'Ledger imbalance',
          'Accounts whose books do not sum to zero; always 0.',
          { unit: 'none', runbook: 'ledger-imbalance', bad: { red: 1 } },
          [['max(tradecore_ledger_imbalance{NS})', 'accounts']],
        ),
        number(
          'Findings',
          'What the reconciler found and nobody has acknowledged.',
          { unit: 'short', runbook: 'reconciliation-findings', bad: { red: 1 } },
          [['sum(max by (check) (tradecore_reconciliation_findings{NS}))', 'open']],
        ),
        number(
          'Duplicate effects',
          'Effects that were seen twice in the last hour; always 0.',
          { unit: 'short', runbook: 'duplicate-effect', bad: { red: 1 } },
          [['sum(increase(tradecore_duplicate_effects_total{NS}[1h]))', 'last hour']],
        ),
        number(
          'Trading',
          'Whether the kill switch of all accounts is engaged.',
          { unit: 'none', runbook: 'kill-switch', words: { 0: 'open', 1: 'STOPPED' }, bad: { red: 1 } },
          [['max(tradecore_trading_halted{NS})', '']],
        ),
        number('Open orders', 'Orders that may still trade.', { unit: 'short', runbook: 'stuck-saga' }, [
          ['sum(max by (status) (tradecore_orders_open{NS}))', 'orders'],
        ]),
        number(
          'Oldest that waits',
          'Age of the oldest order that the brokerage has not acknowledged.',
          { unit: 's', runbook: 'stuck-saga', bad: { yellow: 10, red: 60 } },
          [['max(tradecore_orders_oldest_open_age_seconds{NS,status="pendingNew"})', 'age']],
        ),
      ],
    },
    {
      title: 'Orders',
      panels: [
        lines(
          'Placed',
          'Requests to place an order each second: approved, denied, or repeats.',
          { unit: 'cps', runbook: 'error-budget' },
          [['sum by (outcome) (rate(tradecore_orders_placed_total{NS}[$__rate_interval]))', '{{outcome}}']],
        ),
        lines('Denied', 'Orders denied each second, by rule.', { unit: 'cps', runbook: 'error-budget', mayBeEmpty: true }, [
          ['sum by (rule) (rate(tradecore_orders_denied_total{NS}[$__rate_interval])) > 0', '{{rule}}'],
        ]),
        lines('Open orders by status', 'Orders that may still trade.', { unit: 'short', runbook: 'stuck-saga' }, [
          ['max by (status) (tradecore_orders_open{NS})', '{{status}}'],
        ]),
        lines(
          'Age of the oldest, by status',
          'A status that only passes must not grow old.',
          { unit: 's', runbook: 'stuck-saga' },
          [['max by (status) (tradecore_orders_oldest_open_age_seconds{NS})', '{{status}}']],
        ),
      ],
    },
    {
      title: 'Money and agreement',
      panels: [
        lines('Deposits and withdrawals', 'Movements each second, new and repeated.', { unit: 'cps', runbook: 'error-budget' }, [
          ['sum by (kind, outcome) (rate(tradecore_account_movements_total{NS}[$__rate_interval]))', '{{kind}} {{outcome}}'],
        ]),
        lines(
          'What the brokerage took back',
          'Executions busted, corrected, or beyond the quantity of their order.',
          { unit: 'cps', runbook: 'overfilled-order' },
          [
            ['sum(rate(tradecore_executions_busted_total{NS}[$__rate_interval]))', 'busted'],
            ['sum(rate(tradecore_executions_corrected_total{NS}[$__rate_interval]))', 'corrected'],
            ['sum(rate(tradecore_orders_overfilled_total{NS}[$__rate_interval]))', 'overfilled'],
          ],
        ),
        table(
          'Findings by check',
          'What the reconciler found and nobody has acknowledged.',
          { unit: 'short', runbook: 'reconciliation-findings' },
          [['max by (check) (tradecore_reconciliation_findings{NS})', '{{check}}']],
        ),
        lines(
          'Compared until',
          'How long ago all was compared, by check. A reconciler that stands still grows old.',
          { unit: 's', runbook: 'reconciler-behind', mayBeEmpty: true },
          [['time() - max by (check) (tradecore_reconciliation_covered_until_timestamp_seconds{NS} > 0)', '{{check}}']],
        ),
      ],
    },
  ],
};
