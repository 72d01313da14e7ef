import type { Board } from './board.ts';
import { lines, number, quantiles } from './panels.ts';

/** Read models and deciding consumers: how fresh, how fast, what is parked. */
export const projections: Board = {
  uid: 'tradecore-projections',
  title: 'Projections and sagas',
  description: 'How fresh are the read models, and does anything wait for an operator? Projectors, sagas, timers.',
  rows: [
    {
      title: 'Now',
      panels: [
        number(
          'Oldest model',
          'How far the least fresh read model is behind the store.',
          { unit: 's', runbook: 'halted-consumer', bad: { yellow: 2, red: 30 } },
          [['max(tradecore_model_staleness_seconds{NS})', 'behind']],
        ),
        number(
          'Aggregates parked',
          'Aggregates that a read model does not move until an operator redrives them.',
          { unit: 'short', runbook: 'parked-aggregate', bad: { red: 1 } },
          [['sum(max by (group) (tradecore_parked{NS}))', 'aggregates']],
        ),
        number(
          'Messages held',
          'Messages that wait behind a parked one.',
          { unit: 'short', runbook: 'parked-command', bad: { red: 1 } },
          [['sum(max by (group) (tradecore_held_messages{NS}))', 'messages']],
        ),
        number(
          'Sagas stuck',
          'Sagas without an answer within their budget.',
          { unit: 'short', runbook: 'stuck-saga', bad: { red: 1 } },
          [['max(tradecore_sagas_stuck{NS})', 'sagas']],
        ),
        number(
          'Deadlines late',
          'Deadlines that passed more than a second ago and are not handled.',
          { unit: 'short', runbook: 'stuck-saga', bad: { red: 1 } },
          [['max(tradecore_saga_timers_late{NS})', 'deadlines']],
        ),
        number('Deadlines open', 'Deadlines that are pending.', { unit: 'short', runbook: 'stuck-saga' }, [
          ['max(tradecore_saga_timers_open{NS})', 'deadlines'],
        ]),
      ],
    },
    {
      title: 'Read models',
      panels: [
        lines(
          'Time to be seen',
          'From storing an event to writing its row: what a client waits for who reads back.',
          { unit: 's', runbook: 'halted-consumer' },
          quantiles('tradecore_projection_freshness_seconds', 'group'),
        ),
        lines('Behind', 'How far each read model is behind the store.', { unit: 's', runbook: 'halted-consumer' }, [
          ['max by (group) (tradecore_model_staleness_seconds{NS})', '{{group}}'],
        ]),
        lines('Events applied', 'Events applied each second.', { unit: 'cps', runbook: 'halted-consumer' }, [
          ['sum by (group) (rate(tradecore_projection_events_total{NS}[$__rate_interval]))', '{{group}}'],
        ]),
        lines(
          'Time of a batch',
          'One batch of a projector, transaction included.',
          { unit: 's', runbook: 'database' },
          quantiles('tradecore_projection_batch_seconds', 'group'),
        ),
        lines(
          'Batch in progress',
          'Age of the oldest batch in progress: what does not end is stuck.',
          { unit: 's', runbook: 'loop-stuck' },
          [['max by (group) (tradecore_consumer_backlog_age_seconds{NS})', '{{group}}']],
        ),
      ],
    },
    {
      title: 'Sagas and the gateway',
      panels: [
        lines(
          'Records decided',
          'Records that a deciding consumer handled each second, by outcome.',
          { unit: 'cps', runbook: 'parked-command' },
          [['sum by (group, outcome) (rate(tradecore_consumer_records_total{NS}[$__rate_interval]))', '{{group}} {{outcome}}']],
        ),
        lines(
          'Time of a decision batch',
          'One batch of a deciding consumer, transaction included.',
          { unit: 's', runbook: 'database' },
          quantiles('tradecore_consumer_batch_seconds', 'group'),
        ),
        lines(
          'Lateness of deadlines',
          'How late deadlines were handled.',
          { unit: 's', runbook: 'stuck-saga' },
          quantiles('tradecore_saga_timer_lateness_seconds'),
        ),
        lines('Events decided', 'Events stored as a result of decisions.', { unit: 'cps', runbook: 'parked-command' }, [
          ['sum by (group) (rate(tradecore_consumer_events_total{NS}[$__rate_interval]))', '{{group}}'],
        ]),
      ],
    },
  ],
};
