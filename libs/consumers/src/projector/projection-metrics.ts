import { counter, delayBuckets, histogram } from '@tradecore/telemetry';

/** Why an aggregate was parked; label values of `tradecore_projection_parked_total`. */
export const parkReasons = ['unknown-event', 'fold-failed', 'row-refused'] as const;

/** One of `parkReasons`. */
export type ParkReason = (typeof parkReasons)[number];

const group = { group: [] };
/** Projectors of a process. */
const atMost = 4;
const total = <N extends `tradecore_${string}_total`>(name: N, help: string) => counter({ name, help, labels: group, atMost });
const events = total('tradecore_projection_events_total', 'Events folded, ignored types included.');
const duplicates = total('tradecore_projection_duplicates_total', 'Records skipped: the model already holds the event.');
const gaps = total('tradecore_projection_gaps_total', 'Gaps filled from the event store.');
const foreign = total('tradecore_projection_foreign_total', 'Records dead-lettered: they differ from the store.');
const parked = counter({
  name: 'tradecore_projection_parked_total',
  help: 'Aggregates parked.',
  labels: { ...group, reason: parkReasons },
  atMost: atMost * parkReasons.length,
});
const freshness = histogram({
  name: 'tradecore_projection_freshness_seconds',
  help: 'Time from storing the last event of a batch to writing its row.',
  labels: group,
  buckets: delayBuckets,
  atMost,
});
const batch = histogram({
  name: 'tradecore_projection_batch_seconds',
  help: 'Time of one batch, transaction included.',
  labels: group,
  atMost,
});

/** The metrics of the projector of this name, all initialised to zero. */
export function projectionMetrics(projector: string) {
  const of = { group: projector };
  for (const each of [events, duplicates, gaps, foreign]) each.inc(of, 0);
  for (const reason of parkReasons) parked.inc({ ...of, reason }, 0);
  freshness.zero(of);
  batch.zero(of);
  return {
    events: (count: number) => events.inc(of, count),
    duplicates: (count: number) => duplicates.inc(of, count),
    gaps: (count: number) => gaps.inc(of, count),
    foreign: (count: number) => foreign.inc(of, count),
    parked: (reason: ParkReason) => parked.inc({ ...of, reason }),
    /** Seconds from storing the last event of a batch to writing its row. */
    freshness: (seconds: number) => freshness.observe(of, seconds),
    batch: (seconds: number) => batch.observe(of, seconds),
  };
}
