import { counter, gauge, histogram } from '@tradecore/telemetry';

/** The calls that a broker is asked. */
export const calls = [
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

/** How a revision that is not at its end stands: to be sent, unknown whether the broker has it, unknown beyond the budget, at the broker. */
export const revisionStandings = ['waiting', 'unknown', 'unresolved', 'working'] as const;

/** The gauge of revisions; `count` is asked each time that it is read. While the database is away the last figures stand. */
export const revisionGauge = (
  count: () => Promise<readonly { readonly state: (typeof revisionStandings)[number]; readonly revisions: number }[]>,
) =>
  gauge({
    name: 'broker_orders',
    help: 'Revisions that are not at their end, by how they stand.',
    labels: { state: revisionStandings },
    collect: async (revisions) => {
      const counts = await count().catch(() => undefined);
      if (counts)
        for (const state of revisionStandings)
          revisions.set({ state }, counts.find((each) => each.state === state)?.revisions ?? 0);
    },
  });

/** What the gateway counts. */
export const gatewayMetrics = {
  calls: counter({
    name: 'broker_calls_total',
    help: 'Calls to the broker, by what became of them.',
    labels: { call: calls, outcome: ['answered', 'refused', 'absent', 'rate-limited', 'unsent', 'unknown', 'bad-shape'] },
  }),
  seconds: histogram({ name: 'broker_call_seconds', help: 'Time from the request to the whole reply.', labels: { call: calls } }),
  circuitOpen: gauge({ name: 'broker_circuit_open', help: '1 while the broker is taken for away: calls wait.' }),
  streamUp: gauge({ name: 'broker_stream_up', help: "1 while the broker's stream of updates is read." }),
  updates: counter({
    name: 'broker_updates_total',
    help: "Updates of the broker's stream, by what became of them.",
    labels: { outcome: ['applied', 'known', 'foreign', 'bad-shape', 'failed'] },
  }),
  unknown: counter({ name: 'broker_outcome_unknown_total', help: 'Calls whose outcome was not known.' }),
  foreign: counter({ name: 'broker_foreign_orders_total', help: 'Orders at the broker that are not ours, taken up.' }),
  unreadable: counter({
    name: 'broker_unreadable_total',
    help: "Entries of the brokerage's lists that have a shape that we do not know; the rest of the list is taken.",
    labels: { what: ['order', 'instrument', 'price'] },
  }),
  healed: counter({
    name: 'broker_reconciled_total',
    help: 'What the sweep found that the stream had not told.',
    labels: { what: ['order', 'execution'] },
  }),
  sweep: histogram({ name: 'broker_sweep_seconds', help: 'Time that comparing with the broker took.' }),
  prices: counter({ name: 'market_data_published_total', help: 'Records of market data published.' }),
  listed: gauge({ name: 'market_feed_instruments', help: 'Instruments that the brokerage lists and we can read.' }),
  marketAge: gauge({
    name: 'market_feed_age_seconds',
    help: 'Time since the whole market was last read and published: instruments, session, every price.',
  }),
  slices: counter({
    name: 'market_feed_slices_total',
    help: 'Slices of the market read from the brokerage and published, by what became of them.',
    labels: { outcome: ['published', 'failed'] },
  }),
};
