import type { Board } from './board.ts';
import { heatmap, lines, quantiles } from './panels.ts';

/** What clients of the HTTP and WebSocket API get. */
export const doors: Board = {
  uid: 'tradecore-doors',
  title: 'Doors',
  description: 'What do clients get? Requests, refusals and latency of the HTTP API, limits, waits, and the stream.',
  rows: [
    {
      title: 'Requests',
      panels: [
        lines('Requests', 'Requests answered each second, by route.', { unit: 'reqps', runbook: 'error-budget' }, [
          [
            'sum by (method, route) (rate(tradecore_http_request_duration_seconds_count{NS}[$__rate_interval]))',
            '{{method}} {{route}}',
          ],
        ]),
        lines(
          'Server errors',
          'Share of requests answered 5xx. The budget is one in a thousand over 30 days.',
          { unit: 'percentunit', runbook: 'error-budget', bad: { yellow: 0.001, red: 0.0144 } },
          [
            [
              'sum(rate(tradecore_http_request_duration_seconds_count{NS,status="5xx"}[$__rate_interval])) / sum(rate(tradecore_http_request_duration_seconds_count{NS}[$__rate_interval]))',
              'all routes',
            ],
          ],
        ),
        heatmap(
          'Latency',
          'From the request line to the last byte of the answer, all routes. Its points lead to traces.',
          { unit: 's', runbook: 'error-budget' },
          [['sum by (le) (increase(tradecore_http_request_duration_seconds_bucket{NS}[$__rate_interval]))', '{{le}}']],
        ),
        lines(
          'Latency by route',
          'The slowest hundredth of requests. A write is stored before it is answered.',
          { unit: 's', runbook: 'error-budget', bad: { red: 0.25 } },
          [
            [
              'histogram_quantile(0.99, sum by (le, method, route) (rate(tradecore_http_request_duration_seconds_bucket{NS}[$__rate_interval])))',
              '{{method}} {{route}}',
            ],
          ],
        ),
      ],
    },
    {
      title: 'Refusals',
      panels: [
        lines(
          'Problems',
          'Answers with a problem type, by its code: docs/problems explains each.',
          { unit: 'reqps', runbook: 'error-budget' },
          [['sum by (code) (rate(tradecore_http_problems_total{NS}[$__rate_interval])) > 0', '{{code}}']],
        ),
        lines(
          'Over the limit',
          'Requests beyond the rate of a subject or an account.',
          { unit: 'reqps', runbook: 'error-budget' },
          [['sum by (class, of) (rate(tradecore_rate_limited_total{NS}[$__rate_interval]))', '{{class}} of a {{of}}']],
        ),
        lines(
          'Tokens refused',
          'Requests refused because of their token, by reason.',
          { unit: 'reqps', runbook: 'error-budget' },
          [['sum by (reason) (rate(tradecore_auth_refusals_total{NS}[$__rate_interval]))', '{{reason}}']],
        ),
        lines(
          'No market',
          'Orders answered 503 because no price or session was known.',
          { unit: 'reqps', runbook: 'market-data-away' },
          [['sum by (reason) (rate(tradecore_market_data_refusals_total{NS}[$__rate_interval]))', '{{reason}}']],
        ),
      ],
    },
    {
      title: 'Reads and the stream',
      panels: [
        lines(
          'Waits for a write',
          'How long reads waited until they could show the write that their token names.',
          { unit: 's', runbook: 'halted-consumer' },
          [...quantiles('tradecore_consistency_wait_seconds')],
        ),
        lines(
          'Reads refused',
          'Reads that could not show the write that their token names, by reason.',
          { unit: 'reqps', runbook: 'halted-consumer' },
          [['sum by (reason) (rate(tradecore_consistency_refusals_total{NS}[$__rate_interval]))', '{{reason}}']],
        ),
        lines(
          'Cache hits',
          'Share of reads answered from Redis. `away`: Redis did not answer in time.',
          { unit: 'percentunit', runbook: 'servers' },
          [
            [
              'sum by (outcome) (rate(tradecore_read_cache_reads_total{NS}[$__rate_interval])) / ignoring (outcome) group_left sum(rate(tradecore_read_cache_reads_total{NS}[$__rate_interval]))',
              '{{outcome}}',
            ],
          ],
        ),
        lines('Sockets', 'Open WebSockets, of all processes.', { unit: 'short', runbook: 'error-budget' }, [
          ['sum(tradecore_stream_sockets{NS})', 'open'],
        ]),
        lines(
          'Stream',
          'Feed entries sent to readers each second, and readers that had to resync.',
          { unit: 'cps', runbook: 'error-budget' },
          [
            ['sum(rate(tradecore_stream_entries_total{NS}[$__rate_interval]))', 'entries'],
            ['sum by (reason) (rate(tradecore_stream_resyncs_total{NS}[$__rate_interval]))', 'resync: {{reason}}'],
          ],
        ),
        lines(
          'Answers that wait',
          'Requests that wait for their account, and answers that wait for their order.',
          { unit: 'short', runbook: 'error-budget' },
          [
            ['sum(tradecore_account_requests_waiting{NS})', 'for the account'],
            ['sum(tradecore_order_waits{NS})', 'for the order'],
          ],
        ),
      ],
    },
  ],
};
