import { counter, delayBuckets, gauge, histogram } from '@tradecore/telemetry';

/** The possible outcomes of a record. */
const outcomes = ['handled', 'repeated', 'skipped', 'parked', 'waiting', 'foreign'] as const;

/** One of `outcomes`. */
export type RecordOutcome = (typeof outcomes)[number];

/** Why a message was parked. */
const messageParkReasons = ['unknown-event', 'malformed', 'history-unreadable', 'handler-failed', 'row-refused'] as const;

/** One of `messageParkReasons`. */
export type MessageParkReason = (typeof messageParkReasons)[number];

const group = { group: [] };
const ofSaga = { saga: [] };
/** Deciding consumers of a process. */
const groupsLimit = 4;
const records = counter({
  name: 'tradecore_consumer_records_total',
  help: 'Records handled by a deciding consumer, by outcome.',
  labels: { ...group, outcome: outcomes },
  atMost: groupsLimit * outcomes.length,
});
const parked = counter({
  name: 'tradecore_consumer_parked_total',
  help: 'Records that could not be handled and block those behind them.',
  labels: { ...group, reason: messageParkReasons },
  atMost: groupsLimit * messageParkReasons.length,
});
const events = counter({
  name: 'tradecore_consumer_events_total',
  help: 'Events stored as a result of decisions.',
  labels: group,
  atMost: groupsLimit,
});
const batch = histogram({
  name: 'tradecore_consumer_batch_seconds',
  help: 'Time of one batch, transaction included.',
  labels: group,
  atMost: groupsLimit,
});
const reaction = histogram({
  name: 'tradecore_consumer_reaction_seconds',
  help: 'Time from storing the last event of a batch to storing what was decided on it.',
  labels: group,
  buckets: delayBuckets,
  atMost: groupsLimit,
});
const lateness = histogram({
  name: 'tradecore_saga_timer_lateness_seconds',
  help: 'How late deadlines were handled.',
  labels: ofSaga,
  atMost: 1,
});
const open = gauge({
  name: 'tradecore_saga_timers_open',
  help: 'Deadlines that are pending or late.',
  labels: ofSaga,
  atMost: 1,
});
const late = gauge({
  name: 'tradecore_saga_timers_late',
  help: 'Deadlines that passed more than a second ago and are not handled.',
  labels: ofSaga,
  atMost: 1,
});
const stuck = gauge({
  name: 'tradecore_sagas_stuck',
  help: 'Sagas that need an operator: no answer within their budget.',
  labels: ofSaga,
  atMost: 1,
});

/** The metrics of the deciding consumer of this name, all initialised to zero. */
export function consumerMetrics(consumer: string) {
  const of = { group: consumer };
  for (const outcome of outcomes) records.inc({ ...of, outcome }, 0);
  for (const reason of messageParkReasons) parked.inc({ ...of, reason }, 0);
  events.inc(of, 0);
  batch.zero(of);
  reaction.zero(of);
  return {
    record: (outcome: RecordOutcome, count: number) => records.inc({ ...of, outcome }, count),
    parked: (reason: MessageParkReason) => parked.inc({ ...of, reason }),
    events: (count: number) => events.inc(of, count),
    batch: (seconds: number) => batch.observe(of, seconds),
    /** Seconds from storing the last record of a batch to the commit of what it caused. */
    reaction: (seconds: number) => reaction.observe(of, seconds),
  };
}

/** The metrics of the timers, and of the stuck sagas, of the saga that this service runs. */
export function timerMetrics(saga: string) {
  const of = { saga };
  lateness.zero(of);
  for (const each of [open, late, stuck]) each.set(of, 0);
  return {
    /** Seconds between a deadline and its handling. */
    lateness: (seconds: number) => lateness.observe(of, seconds),
    counted: (figures: { readonly open: number; readonly late: number; readonly stuck: number }) => {
      open.set(of, figures.open);
      late.set(of, figures.late);
      stuck.set(of, figures.stuck);
    },
  };
}
