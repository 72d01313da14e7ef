import { logger } from '@tradecore/telemetry';
import kafkajs, { type LogEntry } from 'kafkajs';

const log = logger('kafkajs');

/** The error of sockets that we destroy ourselves; an error, because kafkajs fails what is in flight on `error` alone. */
export const cutOnPurpose = 'connection cut on purpose';

/**
 * What kafkajs calls an error but is the normal way of the protocol. Every refusal by the broker (`Response ...`) is also thrown to the one
 * who asked, who repeats or reports it: the previous transaction's markers are still being written, a coordinator is being elected, a
 * group rebalances. A line for each would drown what matters.
 */
const expected = [
  /^Response \w+\(key: \d+/,
  /group is rebalancing/i,
  /no leader for this topic-partition/i,
  /limiting retries for the idempotent producer/i,
  new RegExp(cutOnPurpose),
];

/** How loud a line of kafkajs is to be. Its `info` is chatter (each pause, each join). */
export function severity({ level, log: { message } }: Pick<LogEntry, 'level' | 'log'>): 'debug' | 'warn' | 'error' {
  if (level > kafkajs.logLevel.WARN || expected.some((each) => each.test(message))) return 'debug';
  return level === kafkajs.logLevel.ERROR ? 'error' : 'warn';
}

/** Sends kafkajs's lines to our logger. */
export const logCreator = () => (entry: LogEntry) => {
  const { message, timestamp: _, logger: __, ...fields } = entry.log;
  log[severity(entry)]({ namespace: entry.namespace, ...fields }, message);
};
