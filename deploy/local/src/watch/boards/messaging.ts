import type { Board } from './board.ts';
import { lines, number, table } from './panels.ts';

/** What travels on the topics, who reads it, and who is behind. */
export const messaging: Board = {
  uid: 'tradecore-messaging',
  title: 'Messaging',
  description: 'Who reads what, who is behind, and what could not be read? Consumers, lag, dead letters.',
  rows: [
    {
      title: 'Now',
      panels: [
        number(
          'Oldest unread',
          'Age of the oldest record that some consumer has not handled.',
          { unit: 's', runbook: 'halted-consumer', bad: { yellow: 10, red: 60 } },
          [['max(tradecore_consumer_oldest_unread_seconds{NS})', 'oldest']],
        ),
        number('Halted', 'Consumers that wait for an operator.', { unit: 'none', runbook: 'halted-consumer', bad: { red: 1 } }, [
          ['sum(max by (group) (tradecore_consumer_halted{NS}))', 'consumers'],
        ]),
        number(
          'Dead letters',
          'Records that no consumer could read and no operator has decided on.',
          { unit: 'short', runbook: 'dead-letters', bad: { red: 1 } },
          [['sum(max by (group) (tradecore_dead_letters_waiting{NS}))', 'waiting']],
        ),
        table(
          'Consumers',
          'The state of each consumer group: running, building, waiting or halted.',
          { unit: 'none', runbook: 'halted-consumer' },
          [['max by (group, state) (tradecore_consumer_state{NS}) == 1', '{{group}} {{state}}']],
        ),
      ],
    },
    {
      title: 'Flow',
      panels: [
        lines('Published', 'Records written and acknowledged each second, by topic.', { unit: 'cps', runbook: 'relay-halted' }, [
          ['sum by (topic) (rate(tradecore_messaging_published_total{NS}[$__rate_interval]))', '{{topic}}'],
        ]),
        lines('Consumed', 'Records handled each second, by consumer group.', { unit: 'cps', runbook: 'halted-consumer' }, [
          ['sum by (group) (rate(tradecore_messaging_consumed_total{NS}[$__rate_interval]))', '{{group}}'],
        ]),
        lines('Lag', 'Records that the group has not read yet.', { unit: 'short', runbook: 'halted-consumer' }, [
          ['max by (group) (tradecore_consumer_lag_events{NS})', '{{group}}'],
        ]),
        lines(
          'Oldest unread over time',
          'Age of the oldest record that the group has not handled.',
          { unit: 's', runbook: 'halted-consumer' },
          [['max by (group) (tradecore_consumer_oldest_unread_seconds{NS})', '{{group}}']],
        ),
      ],
    },
    {
      title: 'Trouble',
      panels: [
        lines(
          'Batches repeated',
          'Batches whose handler failed, and flushes that failed.',
          { unit: 'cps', runbook: 'halted-consumer' },
          [
            ['sum by (group) (rate(tradecore_messaging_batch_failures_total{NS}[$__rate_interval]))', '{{group}}'],
            ['sum by (by) (rate(tradecore_messaging_publish_failures_total{NS}[$__rate_interval]))', 'publishing: {{by}}'],
          ],
        ),
        lines(
          'Joins and restarts',
          'Joins of a group by its consumers, and consumers that died and were replaced.',
          { unit: 'cps', runbook: 'halted-consumer' },
          [
            ['sum by (group) (rate(tradecore_messaging_rebalances_total{NS}[$__rate_interval]))', 'join: {{group}}'],
            ['sum by (group) (rate(tradecore_messaging_consumer_restarts_total{NS}[$__rate_interval]))', 'restart: {{group}}'],
          ],
        ),
        lines(
          'Records dead-lettered',
          'Records sent to the dead-letter topic each second, by reason.',
          { unit: 'cps', runbook: 'dead-letters' },
          [['sum by (reason) (rate(tradecore_messaging_dead_letters_total{NS}[$__rate_interval]))', '{{reason}}']],
        ),
        lines('Notices', 'Notices to clients written each second, by kind.', { unit: 'cps', runbook: 'notifier-halted' }, [
          ['sum by (kind) (rate(tradecore_notices_total{NS}[$__rate_interval]))', '{{kind}}'],
        ]),
      ],
    },
  ],
};
