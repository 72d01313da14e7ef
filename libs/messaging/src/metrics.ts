import { counter, gauge } from '@tradecore/telemetry';
import { deadLetterReasons } from './dead-letters.ts';

/** A group as a label: one that belongs to this process alone ends in an id, which would begin new series at each restart. */
export const groupLabel = (group: string): string => group.replace(/[-.][0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, '');

/** Records handed to a handler that finished, by group and topic. */
export const consumedTotal = counter({
  name: 'messaging_consumed_total',
  help: 'Records consumed: their batch was handled.',
  labels: { group: [], topic: [] },
});

/** Records acknowledged by all in-sync replicas; of a transaction: when it is committed. */
export const publishedTotal = counter({
  name: 'messaging_published_total',
  help: 'Records written and acknowledged.',
  labels: { topic: [] },
});

/** Flushes of the bus and transactions that failed; what was in them was refused to the caller. */
export const publishFailuresTotal = counter({
  name: 'messaging_publish_failures_total',
  help: 'Flushes of the event bus and transactions that failed.',
  labels: { by: ['bus', 'transaction'] },
});

/** Records sent to the dead letters. */
export const deadLettersTotal = counter({
  name: 'messaging_dead_letters_total',
  help: 'Records sent to the dead letters.',
  labels: { reason: deadLetterReasons },
});

/** Batches whose handler threw; each is repeated from the stored position. */
export const batchFailuresTotal = counter({
  name: 'messaging_batch_failures_total',
  help: 'Batches whose handler failed; they are repeated.',
  labels: { group: [] },
});

/** How far a partition's reader is behind the end of the log, in offsets (control records count). */
export const lag = gauge({
  name: 'messaging_lag_records',
  help: 'Offsets between the end of the log and what this consumer has handled.',
  labels: { group: [], topic: [], partition: [] },
});

/** Times that partitions were dealt anew, the first join included. */
export const rebalancesTotal = counter({
  name: 'messaging_rebalances_total',
  help: 'Joins of the group by this consumer.',
  labels: { group: [] },
});

/** Times that a consumer died for good and was made anew. */
export const consumerRestartsTotal = counter({
  name: 'messaging_consumer_restarts_total',
  help: 'Consumers that died and were made anew.',
  labels: { group: [] },
});
