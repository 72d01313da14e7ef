import type { Board } from './board.ts';
import { lines, number, quantiles } from './panels.ts';

/** The brokerage: whether it answers, what is unknown, and the market it tells. */
export const brokerage: Board = {
  uid: 'tradecore-brokerage',
  title: 'Brokerage',
  description: 'Does the brokerage answer, is anything unknown, is the market fresh? Calls, updates, sweeps, prices.',
  rows: [
    {
      title: 'Now',
      panels: [
        number(
          'Calls',
          'Whether calls are sent. Waiting: the brokerage failed eight times in a row.',
          { unit: 'none', runbook: 'unknown-outcome', words: { 0: 'sent', 1: 'WAITING' }, bad: { red: 1 } },
          [['max(tradecore_broker_circuit_open{NS})', '']],
        ),
        number(
          'Updates',
          'Whether a gateway hears the stream of updates.',
          { unit: 'none', runbook: 'unknown-outcome', words: { 0: 'NOT HEARD', 1: 'heard' }, bad: { yellow: 1, red: 0 } },
          [['max(tradecore_broker_stream_up{NS})', '']],
        ),
        number(
          'Unknown',
          'Orders of which it is not known whether the brokerage has them.',
          { unit: 'short', runbook: 'unknown-outcome', bad: { red: 1 }, width: 8 },
          [
            ['max(tradecore_broker_orders{NS,state="unknown"})', 'unknown'],
            ['max(tradecore_broker_orders{NS,state="unresolved"})', 'unresolved'],
          ],
        ),
        number(
          'Market read',
          'Age of the last complete look at the market.',
          { unit: 's', runbook: 'market-data-away', bad: { yellow: 30, red: 120 } },
          [['max(tradecore_market_feed_age_seconds{NS})', 'age']],
        ),
        number(
          'Oldest price',
          'Age of the oldest price that a door decides with.',
          { unit: 's', runbook: 'market-data-away', bad: { yellow: 30, red: 60 } },
          [['max(tradecore_market_data_newest_price_age_seconds{NS})', 'age']],
        ),
      ],
    },
    {
      title: 'Calls',
      panels: [
        lines('Calls by outcome', 'Calls to the brokerage each second.', { unit: 'cps', runbook: 'unknown-outcome' }, [
          ['sum by (call, outcome) (rate(tradecore_broker_calls_total{NS}[$__rate_interval])) > 0', '{{call}} {{outcome}}'],
        ]),
        lines(
          'Time of a call',
          'From request to complete reply.',
          { unit: 's', runbook: 'unknown-outcome' },
          quantiles('tradecore_broker_call_seconds', 'call'),
        ),
        lines(
          'Open orders at the gateway',
          'Open revisions of orders, by what is known of them.',
          { unit: 'short', runbook: 'unknown-outcome' },
          [['max by (state) (tradecore_broker_orders{NS})', '{{state}}']],
        ),
        lines('Steps waiting', 'Rows of the work queue: all, due, claimed.', { unit: 'short', runbook: 'parked-command' }, [
          ['max by (state) (tradecore_work_rows{NS})', '{{state}}'],
        ]),
        lines(
          'Lateness of work',
          "From a row's due time to its claim.",
          { unit: 's', runbook: 'parked-command' },
          quantiles('tradecore_work_late_seconds'),
        ),
      ],
    },
    {
      title: 'What the brokerage says',
      panels: [
        lines(
          'Updates by outcome',
          "Updates of the brokerage's stream each second.",
          { unit: 'cps', runbook: 'unknown-outcome' },
          [['sum by (outcome) (rate(tradecore_broker_updates_total{NS}[$__rate_interval]))', '{{outcome}}']],
        ),
        lines(
          'Found by the sweep',
          'What the stream had missed, foreign orders, and entries with an unknown shape.',
          { unit: 'cps', runbook: 'foreign-order' },
          [
            ['sum by (what) (rate(tradecore_broker_reconciled_total{NS}[$__rate_interval]))', 'missed {{what}}'],
            ['sum(rate(tradecore_broker_foreign_orders_total{NS}[$__rate_interval]))', 'foreign order'],
            ['sum by (what) (rate(tradecore_broker_unreadable_total{NS}[$__rate_interval]))', 'unreadable {{what}}'],
          ],
        ),
        lines(
          'Time of a sweep',
          'One complete look at the brokerage.',
          { unit: 's', runbook: 'unknown-outcome' },
          quantiles('tradecore_broker_sweep_seconds'),
        ),
        lines(
          'Market data',
          'Records published each second, and slices of the market by outcome.',
          { unit: 'cps', runbook: 'market-data-away' },
          [
            ['sum(rate(tradecore_market_data_published_total{NS}[$__rate_interval]))', 'records'],
            ['sum by (outcome) (rate(tradecore_market_feed_slices_total{NS}[$__rate_interval]))', 'slices {{outcome}}'],
          ],
        ),
        lines(
          'Instruments',
          'Instruments that the brokerage lists, and that each service knows.',
          { unit: 'short', runbook: 'market-data-away' },
          [
            ['max(tradecore_market_feed_instruments{NS})', 'listed'],
            ['min by (job) (tradecore_market_data_instruments{NS})', '{{job}}'],
          ],
        ),
      ],
    },
  ],
};
