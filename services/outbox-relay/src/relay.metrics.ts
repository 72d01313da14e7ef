import { counter, gauge, histogram } from '@tradecore/telemetry';

export const relayMetrics = {
  depth: gauge({ name: 'outbox_depth', help: 'Events stored but not yet published; counted up to 100,000.' }),
  oldestAge: gauge({ name: 'outbox_oldest_age_seconds', help: 'Age of the oldest unpublished event.' }),
  batches: counter({ name: 'relay_batches_total', help: 'Batches published.' }),
  events: counter({ name: 'relay_events_total', help: 'Events published.' }),
  resent: counter({
    name: 'relay_resent_batches_total',
    help: 'Batches sent again at a start because their transaction had not committed.',
  }),
  owner: gauge({ name: 'relay_lease_owner', help: '1 while this relay holds the lease.' }),
  storeClosed: gauge({
    name: 'store_closed',
    help: '1 while the store is closed: it was restored, and an operator has not decided yet.',
  }),
  storeMoved: gauge({
    name: 'store_moved',
    help: '1 while the store is on a different server or timeline than before and no operator has acknowledged it.',
  }),
  halted: gauge({ name: 'relay_halted', help: '1 while the relay is halted: waiting for an operator.' }),
  fenced: counter({ name: 'relay_fenced_total', help: 'Number of times a newer producer took over from this one.' }),
  starts: counter({
    name: 'relay_starts_total',
    help: 'Number of times the relay restarted its loop, by reason.',
    labels: { reason: ['start', 'fenced', 'lease-lost', 'error'] },
  }),
  take: histogram({ name: 'relay_take_seconds', help: 'Statement (1): settle one batch, take the next.' }),
  send: histogram({ name: 'relay_send_seconds', help: 'Step (2): one Kafka transaction.' }),
};
