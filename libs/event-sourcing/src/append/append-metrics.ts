import { counter, gauge, histogram } from '@tradecore/telemetry';

const outcomes = ['stored', 'repeated', 'taken', 'conflict', 'busy', 'invalid', 'unknown', 'failed'] as const;

/** What became of a save. */
export type Outcome = (typeof outcomes)[number];

/** Saves by what became of them. */
export const savesTotal = counter({
  name: 'event_store_saves_total',
  help: 'Saves by what became of them',
  labels: { outcome: outcomes },
});

/** From the call of a save to its answer. */
export const saveSeconds = histogram({ name: 'event_store_save_seconds', help: 'From the call of a save to its answer' });

/** Saves that travelled in one call. */
export const batchSize = histogram({
  name: 'event_store_batch_saves',
  help: 'Saves that travelled in one call',
  buckets: [1, 2, 5, 10, 20, 50, 100, 200],
});

/** Saves queued or under way. */
export const queuedSaves = gauge({ name: 'event_store_queued_saves', help: 'Saves queued or under way' });
