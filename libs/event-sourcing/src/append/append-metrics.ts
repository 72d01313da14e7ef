import { counter, gauge, histogram } from '@tradecore/telemetry';

const outcomes = ['stored', 'repeated', 'taken', 'conflict', 'busy', 'invalid', 'unknown', 'failed'] as const;

/** The outcome of a save. */
export type Outcome = (typeof outcomes)[number];

export const savesTotal = counter({
  name: 'tradecore_event_store_saves_total',
  help: 'Saves by outcome.',
  labels: { outcome: outcomes },
});

export const saveSeconds = histogram({
  name: 'tradecore_event_store_save_seconds',
  help: 'Time from the call of a save to its answer.',
});

export const batchSize = histogram({
  name: 'tradecore_event_store_batch_saves',
  help: 'Saves sent in one call.',
  buckets: [1, 2, 5, 10, 20, 50, 100, 200],
});

export const queuedSaves = gauge({ name: 'tradecore_event_store_queued_saves', help: 'Saves queued or in flight.' });
