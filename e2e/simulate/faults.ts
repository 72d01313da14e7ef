import type { LineFaults } from './brokerage-line.ts';
import type { GatewayFaults } from './fleet/gateway.ts';
import type { TransportFaults } from './fleet/transport.ts';

/** Fault rates: shares, and milliseconds. */
export interface Faults {
  readonly line: LineFaults;
  readonly transport: TransportFaults;
  readonly gateway: GatewayFaults;
  /** Of decisions between reading and saving. */
  readonly saga: { readonly late: number; readonly slowest: number };
  readonly door: { readonly slowest: number };
}

/** No faults, short delays. */
export const noFaults: Faults = {
  line: {
    ...{ slowest: 10, timeout: 2000, stragglers: 0, lostRequests: 0, lostReplies: 0, lateRequests: 0 },
    ...{ busy: 0, failing: 0, failingAfter: 0, lostUpdates: 0, repeatedUpdates: 0, shuffledUpdates: 0 },
    ...{ amended: 0, resumed: 0.2, foreign: 0 },
  },
  transport: { slowest: 10, repeated: 0, parked: 0, redriven: 0, outages: 0, outage: 0, longOutage: 0 },
  gateway: { frozen: 0 },
  saga: { late: 0, slowest: 0 },
  door: { slowest: 5 },
};

/** Every fault occurs. */
export const badFaults: Faults = {
  line: {
    ...{ slowest: 40, timeout: 2000, stragglers: 2500, lostRequests: 0.01, lostReplies: 0.02, lateRequests: 0.01 },
    ...{ busy: 0.02, failing: 0.01, failingAfter: 0.01, lostUpdates: 0.02, repeatedUpdates: 0.05, shuffledUpdates: 0.05 },
    ...{ amended: 0.03, resumed: 0.05, foreign: 0.01 },
  },
  transport: {
    ...{ slowest: 20, repeated: 0.05, parked: 0.002, redriven: 20_000 },
    ...{ outages: 2, outage: 400, longOutage: 45_000 },
  },
  gateway: { frozen: 0.002 },
  saga: { late: 0.1, slowest: 5 },
  door: { slowest: 5 },
};
