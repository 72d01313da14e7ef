import { counter, gauge, histogram } from '@tradecore/telemetry';

/** The calls to a brokerage. */
const calls = [
  'submit',
  'replace',
  'cancel',
  'by-client-order-id',
  'by-id',
  'orders',
  'fills',
  'assets',
  'prices',
  'clock',
] as const;

/** One of `calls`. */
export type Call = (typeof calls)[number];

/** States of an open revision: not sent yet, outcome unknown, still unknown after all tries, at the brokerage. */
export const revisionStandings = ['waiting', 'unknown', 'unresolved', 'working'] as const;

const revisions = gauge({
  name: 'tradecore_broker_orders',
  help: 'Open revisions, by state.',
  labels: { state: revisionStandings },
});

/** Shows how many revisions are open, by state. */
export function showRevisions(
  counts: readonly { readonly state: (typeof revisionStandings)[number]; readonly revisions: number }[],
): void {
  for (const state of revisionStandings) revisions.set({ state }, counts.find((each) => each.state === state)?.revisions ?? 0);
}

/** What the gateway counts. */
export const gatewayMetrics = {
  calls: counter({
    name: 'tradecore_broker_calls_total',
    help: 'Calls to the brokerage, by outcome.',
    labels: { call: calls, outcome: ['answered', 'refused', 'absent', 'rate-limited', 'unsent', 'unknown', 'bad-shape'] },
  }),
  seconds: histogram({
    name: 'tradecore_broker_call_seconds',
    help: 'Time from request to complete reply.',
    labels: { call: calls },
  }),
  circuitOpen: gauge({ name: 'tradecore_broker_circuit_open', help: '1 while the brokerage counts as unavailable: calls wait.' }),
  streamUp: gauge({ name: 'tradecore_broker_stream_up', help: "1 while the brokerage's update stream is connected." }),
  updates: counter({
    name: 'tradecore_broker_updates_total',
    help: "Updates from the brokerage's stream, by outcome.",
    labels: { outcome: ['applied', 'known', 'foreign', 'bad-shape', 'failed'] },
  }),
  unknown: counter({ name: 'tradecore_broker_outcome_unknown_total', help: 'Calls with an unknown outcome.' }),
  foreign: counter({ name: 'tradecore_broker_foreign_orders_total', help: 'Foreign orders at the brokerage that were adopted.' }),
  unreadable: counter({
    name: 'tradecore_broker_unreadable_total',
    help: "Entries of the brokerage's lists with an unknown shape; the rest of the list is processed.",
    labels: { what: ['order', 'instrument', 'price'] },
  }),
  healed: counter({
    name: 'tradecore_broker_reconciled_total',
    help: 'What the sweep found that the stream had missed.',
    labels: { what: ['order', 'execution'] },
  }),
  sweep: histogram({ name: 'tradecore_broker_sweep_seconds', help: 'Duration of a sweep.' }),
  prices: counter({ name: 'tradecore_market_data_published_total', help: 'Market data records published.' }),
  listed: gauge({ name: 'tradecore_market_feed_instruments', help: 'Readable instruments that the brokerage lists.' }),
  marketAge: gauge({
    name: 'tradecore_market_feed_age_seconds',
    help: 'Time since the whole market was last read and published: instruments, session, every price.',
  }),
  slices: counter({
    name: 'tradecore_market_feed_slices_total',
    help: 'Slices of the market read from the brokerage and published, by outcome.',
    labels: { outcome: ['published', 'failed'] },
  }),
};
