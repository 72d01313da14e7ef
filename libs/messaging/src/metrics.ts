import { counter, gauge } from '@tradecore/telemetry';
import { deadLetterReasons } from './dead-letters.ts';

/**
 * A group as a label, without the id at the end of a group of one process: the id would start new series at each
 * restart.
 */
export const groupLabel = (group: string): string => group.replace(/[-.][0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, '');

/** Records whose handler finished, by group and topic. */
export const consumedTotal = counter({
  name: 'tradecore_messaging_consumed_total',
  help: 'Records consumed in batches that were handled.',
  labels: { group: [], topic: [] },
  atMost: 40,
});

/** Records acknowledged by all in-sync replicas; those of a transaction count at its commit. */
export const publishedTotal = counter({
  name: 'tradecore_messaging_published_total',
  help: 'Records written and acknowledged.',
  labels: { topic: [] },
  atMost: 30,
});

/** Flushes of the bus and transactions that failed; the caller got an error for their records. */
export const publishFailuresTotal = counter({
  name: 'tradecore_messaging_publish_failures_total',
  help: 'Flushes of the event bus and transactions that failed.',
  labels: { by: ['bus', 'transaction'] },
});

export const deadLettersTotal = counter({
  name: 'tradecore_messaging_dead_letters_total',
  help: 'Records sent to the dead-letter topic.',
  labels: { reason: deadLetterReasons },
});

/** Batches whose handler threw; each is repeated from the stored position. */
export const batchFailuresTotal = counter({
  name: 'tradecore_messaging_batch_failures_total',
  help: 'Batches whose handler failed; each is repeated.',
  labels: { group: [] },
  atMost: 10,
});

/** How far a partition's reader is behind the end of the log, in offsets, control records included. */
export const lag = gauge({
  name: 'tradecore_messaging_lag_records',
  help: 'Offsets between the end of the log and what this consumer has handled.',
  labels: { group: [], topic: [], partition: [] },
  atMost: 500,
});

/** How often partitions were assigned, the first join included. */
export const rebalancesTotal = counter({
  name: 'tradecore_messaging_rebalances_total',
  help: 'Joins of the group by this consumer.',
  labels: { group: [] },
  atMost: 10,
});

export const consumerRestartsTotal = counter({
  name: 'tradecore_messaging_consumer_restarts_total',
  help: 'Consumers that died and were replaced.',
  labels: { group: [] },
  atMost: 10,
});
