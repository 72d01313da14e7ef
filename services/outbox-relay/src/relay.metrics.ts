import { counter, gauge, histogram } from '@tradecore/telemetry';

export const relayMetrics = {
  batches: counter({ name: 'tradecore_relay_batches_total', help: 'Batches published.' }),
  events: counter({ name: 'tradecore_relay_events_total', help: 'Events published.' }),
  resent: counter({
    name: 'tradecore_relay_resent_batches_total',
    help: 'Batches sent again at a start because their transaction had not committed.',
  }),
  owner: gauge({ name: 'tradecore_relay_lease_owner', help: '1 while this relay holds the lease.' }),
  halted: gauge({ name: 'tradecore_relay_halted', help: '1 while the relay is halted: waiting for an operator.' }),
  fenced: counter({ name: 'tradecore_relay_fenced_total', help: 'Number of times a newer producer took over from this one.' }),
  starts: counter({
    name: 'tradecore_relay_starts_total',
    help: 'Number of times the relay restarted its loop, by reason.',
    labels: { reason: ['start', 'fenced', 'lease-lost', 'error'] },
  }),
  take: histogram({ name: 'tradecore_relay_take_seconds', help: 'Statement (1): settle one batch, take the next.' }),
  send: histogram({ name: 'tradecore_relay_send_seconds', help: 'Step (2): one Kafka transaction.' }),
};
