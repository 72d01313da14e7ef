import type { Board } from './board.ts';
import { lines, number, quantiles } from './panels.ts';

/** The event store, and the relay that publishes what it holds. */
export const store: Board = {
  uid: 'tradecore-store',
  title: 'Event store and relay',
  description: 'Are writes stored and published? Saves, conflicts, the outbox, and who relays.',
  rows: [
    {
      title: 'Now',
      panels: [
        number(
          'Outbox',
          'Events stored but not published yet.',
          { unit: 'short', runbook: 'relay-halted', bad: { yellow: 1_000, red: 10_000 } },
          [['max(tradecore_outbox_events{NS})', 'events']],
        ),
        number(
          'Oldest unpublished',
          'Age of the oldest event that waits for the relay.',
          { unit: 's', runbook: 'relay-halted', bad: { yellow: 5, red: 30 } },
          [['max(tradecore_outbox_oldest_age_seconds{NS})', 'age']],
        ),
        number(
          'Relay that leads',
          'Relays that hold the lease: exactly one.',
          { unit: 'none', runbook: 'relay-halted', bad: { yellow: 1, red: 0 } },
          [['sum(tradecore_relay_lease_owner{NS})', 'leads']],
        ),
        number(
          'Relay',
          'Halted: store and topics do not belong together, an operator must decide.',
          { unit: 'none', runbook: 'relay-halted', words: { 0: 'running', 1: 'HALTED' }, bad: { red: 1 } },
          [['max(tradecore_relay_halted{NS})', '']],
        ),
        number(
          'Store',
          'Closed: it was restored, and nothing is stored until an operator has decided.',
          { unit: 'none', runbook: 'relay-halted', words: { 0: 'open', 1: 'CLOSED' }, bad: { red: 1 } },
          [['max(tradecore_store_closed{NS})', '']],
        ),
        number(
          'Store moved',
          'The store is on another server or timeline than before.',
          { unit: 'none', runbook: 'moved-store', words: { 0: 'no', 1: 'YES' }, bad: { red: 1 } },
          [['max(tradecore_store_moved{NS})', '']],
        ),
      ],
    },
    {
      title: 'Event store',
      panels: [
        lines('Saves', 'Saves each second, by outcome.', { unit: 'cps', runbook: 'save-conflicts' }, [
          ['sum by (outcome) (rate(tradecore_event_store_saves_total{NS}[$__rate_interval]))', '{{outcome}}'],
        ]),
        lines(
          'Time of a save',
          'From the call of a save to its answer, queue included.',
          { unit: 's', runbook: 'database' },
          quantiles('tradecore_event_store_save_seconds'),
        ),
        lines(
          'Saves sent together',
          'Saves in one call to PostgreSQL: grows with load.',
          { unit: 'short', runbook: 'database' },
          quantiles('tradecore_event_store_batch_saves'),
        ),
        lines('Saves that wait', 'Saves queued or on their way.', { unit: 'short', runbook: 'database' }, [
          ['sum by (job) (tradecore_event_store_queued_saves{NS})', '{{job}}'],
        ]),
        lines('Snapshots', 'Snapshots each second, by outcome.', { unit: 'cps', runbook: 'database' }, [
          ['sum by (outcome) (rate(tradecore_event_store_snapshots_total{NS}[$__rate_interval]))', '{{outcome}}'],
        ]),
      ],
    },
    {
      title: 'Relay',
      panels: [
        lines('Published', 'Events and batches published each second.', { unit: 'cps', runbook: 'relay-halted' }, [
          ['sum(rate(tradecore_relay_events_total{NS}[$__rate_interval]))', 'events'],
          ['sum(rate(tradecore_relay_batches_total{NS}[$__rate_interval]))', 'batches'],
        ]),
        lines('Outbox over time', 'Events that wait for the relay.', { unit: 'short', runbook: 'relay-halted' }, [
          ['max(tradecore_outbox_events{NS})', 'events'],
        ]),
        lines(
          'Time to take a batch',
          'The statement that settles one batch and takes the next.',
          { unit: 's', runbook: 'database' },
          quantiles('tradecore_relay_take_seconds'),
        ),
        lines(
          'Time to send a batch',
          'One Kafka transaction.',
          { unit: 's', runbook: 'relay-halted' },
          quantiles('tradecore_relay_send_seconds'),
        ),
        lines(
          'Starts',
          'Starts of the relay loop, by reason. More than one a minute: something takes the lease away.',
          { unit: 'cps', runbook: 'relay-halted' },
          [['sum by (reason) (rate(tradecore_relay_starts_total{NS}[$__rate_interval]))', '{{reason}}']],
        ),
      ],
    },
  ],
};
