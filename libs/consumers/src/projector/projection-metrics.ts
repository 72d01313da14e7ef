import { counter, gauge, histogram } from '@tradecore/telemetry';

/** Why an aggregate was parked; label values of `projection_parked_total`. */
export const parkReasons = ['unknown-event', 'fold-failed', 'row-refused'] as const;

/** One of `parkReasons`. */
export type ParkReason = (typeof parkReasons)[number];

/** The metrics of one projector, all initialised to zero. */
export interface ProjectionMetrics {
  readonly events: (count: number) => void;
  readonly duplicates: (count: number) => void;
  readonly gaps: (count: number) => void;
  readonly foreign: (count: number) => void;
  readonly parked: (reason: ParkReason) => void;
  /** Seconds from storing the last event of a batch to writing its row. */
  readonly lag: (seconds: number) => void;
  readonly batch: (seconds: number) => void;
}

/** The metrics of the projector of this name. */
export function projectionMetrics(projector: string): ProjectionMetrics {
  const labels = { projector: [] as string[] };
  const of = { projector };
  const total = (name: string, help: string) => counter({ name, help, labels });
  const events = total('projection_events_total', 'Events folded, ignored types included.');
  const duplicates = total('projection_duplicates_total', 'Records skipped: the model already holds the event.');
  const gaps = total('projection_gaps_total', 'Gaps filled from the event store.');
  const foreign = total('projection_foreign_total', 'Records dead-lettered: they differ from the store.');
  const parked = counter({
    name: 'projection_parked_total',
    help: 'Aggregates parked.',
    labels: { projector: [] as string[], reason: parkReasons },
  });
  const lag = gauge({
    name: 'projection_lag_seconds',
    help: 'Age of the last event of the last batch when its row was written.',
    labels,
  });
  const batch = histogram({ name: 'projection_batch_seconds', help: 'Time of one batch, transaction included.', labels });
  for (const each of [events, duplicates, gaps, foreign]) each.inc(of, 0);
  for (const reason of parkReasons) parked.inc({ projector, reason }, 0);
  lag.set(of, 0);
  batch.zero(of);
  return {
    events: (count) => events.inc(of, count),
    duplicates: (count) => duplicates.inc(of, count),
    gaps: (count) => gaps.inc(of, count),
    foreign: (count) => foreign.inc(of, count),
    parked: (reason) => parked.inc({ projector, reason }),
    lag: (seconds) => lag.set(of, seconds),
    batch: (seconds) => batch.observe(of, seconds),
  };
}
