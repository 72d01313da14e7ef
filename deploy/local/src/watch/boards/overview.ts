import type { Board } from './board.ts';
import { lines, number, table } from './panels.ts';

/** The first look: is what we promise kept, and what is wrong now? */
export const overview: Board = {
  uid: 'tradecore-overview',
  title: 'Overview',
  description: 'Is what we promise kept, and if not, where do I look? Budgets, what fires, versions, traffic.',
  rows: [
    {
      title: 'What we promise',
      panels: [
        number(
          'Available',
          'Share of requests of the last hour that were not answered 5xx. Promised: 99.9 % over 30 days.',
          { unit: 'percentunit', runbook: 'error-budget', bad: { yellow: 0.999, red: 0.9856 } },
          [['1 - max(tradecore:door_errors:ratio:1h{NS})', 'last hour']],
        ),
        number(
          'Budget left',
          'Share of the errors of 30 days that we may still make.',
          { unit: 'percentunit', runbook: 'error-budget', bad: { yellow: 0.5, red: 0.1 } },
          [['1 - max(avg_over_time(tradecore:door_errors:ratio:1h{NS}[30d])) / 0.001', 'of 30 days']],
        ),
        number(
          'Writes',
          'The slowest hundredth of writes of the last five minutes. Target: 250 ms.',
          { unit: 's', runbook: 'error-budget', bad: { yellow: 0.1, red: 0.25 } },
          [
            [
              'histogram_quantile(0.99, sum by (le) (rate(tradecore_http_request_duration_seconds_bucket{NS,method!="GET"}[5m])))',
              'p99',
            ],
          ],
        ),
        number(
          'Freshness',
          'How far the least fresh read model is behind the store. Promised: 2 s.',
          { unit: 's', runbook: 'halted-consumer', bad: { yellow: 2, red: 30 } },
          [['max(tradecore_model_staleness_seconds{NS})', 'behind']],
        ),
        number(
          'Agreement',
          'What the reconciler found and nobody has acknowledged.',
          { unit: 'short', runbook: 'reconciliation-findings', bad: { red: 1 } },
          [['sum(max by (check) (tradecore_reconciliation_findings{NS}))', 'findings']],
        ),
        number(
          'Trading',
          'Whether the kill switch of all accounts is engaged.',
          { unit: 'none', runbook: 'kill-switch', words: { 0: 'open', 1: 'STOPPED' }, bad: { red: 1 } },
          [['max(tradecore_trading_halted{NS})', '']],
        ),
      ],
    },
    {
      title: 'Now',
      panels: [
        table(
          'Firing alerts',
          'What fires now; the runbook of each says what to do.',
          { unit: 'none', runbook: 'watch', mayBeEmpty: true },
          [['ALERTS{NS,alertstate="firing",alertname!="Watchdog"}', '{{alertname}}']],
        ),
        table(
          'Versions',
          'What runs: more than one version for long is a rollout that stands still.',
          { unit: 'short', runbook: 'version-skew' },
          [['count by (job, version) (tradecore_build_info{NS})', '{{job}} {{version}}']],
        ),
      ],
    },
    {
      title: 'Traffic',
      panels: [
        lines('Requests', 'Requests answered each second, by class of status.', { unit: 'reqps', runbook: 'error-budget' }, [
          ['sum by (status) (rate(tradecore_http_request_duration_seconds_count{NS}[$__rate_interval]))', '{{status}}'],
        ]),
        lines('Orders placed', 'Requests to place an order each second, by outcome.', { unit: 'cps', runbook: 'error-budget' }, [
          ['sum by (outcome) (rate(tradecore_orders_placed_total{NS}[$__rate_interval]))', '{{outcome}}'],
        ]),
        lines(
          'Oldest unread',
          'Age of the oldest record that a consumer group has not handled.',
          { unit: 's', runbook: 'halted-consumer' },
          [['max by (group) (tradecore_consumer_oldest_unread_seconds{NS})', '{{group}}']],
        ),
        lines('Oldest unpublished', 'Age of the oldest event that waits for the relay.', { unit: 's', runbook: 'relay-halted' }, [
          ['max(tradecore_outbox_oldest_age_seconds{NS})', 'outbox'],
        ]),
        lines('Time of requests', 'All requests to the doors.', { unit: 's', runbook: 'error-budget' }, [
          ...[0.5, 0.95, 0.99].map(
            (q) =>
              [
                `histogram_quantile(${q}, sum by (le) (rate(tradecore_http_request_duration_seconds_bucket{NS}[$__rate_interval])))`,
                `p${q * 100}`,
              ] as const,
          ),
        ]),
        lines('Processes', 'Processes that Prometheus reaches, by service.', { unit: 'short', runbook: 'service-down' }, [
          ['sum by (job) (up{NS})', '{{job}}'],
        ]),
      ],
    },
  ],
};
