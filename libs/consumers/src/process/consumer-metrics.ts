import { counter, gauge, histogram } from '@tradecore/telemetry';

/** The possible outcomes of a record. */
export const outcomes = ['handled', 'repeated', 'skipped', 'parked', 'waiting', 'foreign'] as const;

/** One of `outcomes`. */
export type RecordOutcome = (typeof outcomes)[number];

/** Why a message was parked. */
export const messageParkReasons = ['unknown-event', 'malformed', 'history-unreadable', 'handler-failed', 'row-refused'] as const;

/** One of `messageParkReasons`. */
export type MessageParkReason = (typeof messageParkReasons)[number];

/** The metrics of one deciding consumer, all initialised to zero. */
export interface ConsumerMetrics {
  readonly record: (outcome: RecordOutcome, count: number) => void;
  readonly parked: (reason: MessageParkReason) => void;
  readonly events: (count: number) => void;
  readonly batch: (seconds: number) => void;
  /** Seconds from storing the last record of a batch to the commit of what it caused. */
  readonly lag: (seconds: number) => void;
  /** How many pairs are parked now. */
  readonly pairs: (pairs: number) => void;
}

/** The metrics of the consumer of this name. */
export function consumerMetrics(consumer: string): ConsumerMetrics {
  const labels = { consumer: [] as string[] };
  const of = { consumer };
  const records = counter({
    name: 'consumer_records_total',
    help: 'Records handled by a deciding consumer, by outcome.',
    labels: { ...labels, outcome: outcomes },
  });
  const parked = counter({
    name: 'consumer_parked_total',
    help: 'Records that could not be handled and block those behind them.',
    labels: { ...labels, reason: messageParkReasons },
  });
  const events = counter({ name: 'consumer_events_total', help: 'Events stored as a result of decisions.', labels });
  const batch = histogram({ name: 'consumer_batch_seconds', help: 'Time of one batch, transaction included.', labels });
  const lag = gauge({ name: 'consumer_lag_seconds', help: 'Age of the last record of the last batch at its commit.', labels });
  const pairs = gauge({ name: 'consumer_parked', help: 'Pairs of saga and target waiting for an operator.', labels });
  for (const outcome of outcomes) records.inc({ consumer, outcome }, 0);
  for (const reason of messageParkReasons) parked.inc({ consumer, reason }, 0);
  events.inc(of, 0);
  batch.zero(of);
  lag.set(of, 0);
  pairs.set(of, 0);
  return {
    record: (outcome, count) => records.inc({ consumer, outcome }, count),
    parked: (reason) => parked.inc({ consumer, reason }),
    events: (count) => events.inc(of, count),
    batch: (seconds) => batch.observe(of, seconds),
    lag: (seconds) => lag.set(of, seconds),
    pairs: (count) => pairs.set(of, count),
  };
}

/** The metrics of one saga's timers, and of its stuck sagas. */
export interface TimerMetrics {
  /** Seconds between a deadline and its handling. */
  readonly lateness: (seconds: number) => void;
  readonly counted: (figures: { readonly open: number; readonly late: number; readonly stuck: number }) => void;
}

/** The metrics of the timers of the saga that this service runs. */
export function timerMetrics(saga: string): TimerMetrics {
  const labels = { saga: [] as string[] };
  const of = { saga };
  const lateness = histogram({ name: 'saga_timer_lateness_seconds', help: 'How late deadlines were handled.', labels });
  const open = gauge({ name: 'saga_timers_open', help: 'Deadlines that are pending or late.', labels });
  const late = gauge({
    name: 'saga_timers_late',
    help: 'Deadlines that passed more than a second ago and are not handled.',
    labels,
  });
  const stuck = gauge({
    name: 'sagas_stuck',
    help: 'Sagas that need an operator: no answer within their budget.',
    labels,
  });
  lateness.zero(of);
  for (const each of [open, late, stuck]) each.set(of, 0);
  return {
    lateness: (seconds) => lateness.observe(of, seconds),
    counted: (figures) => {
      open.set(of, figures.open);
      late.set(of, figures.late);
      stuck.set(of, figures.stuck);
    },
  };
}
