import { logger } from '@tradecore/telemetry';
import kafkajs, { type LogEntry } from 'kafkajs';

const log = logger('kafkajs');

/** The error of sockets that we destroy; an error, because kafkajs fails requests in flight only on `error`. */
export const cutOnPurpose = 'connection cut on purpose';

/**
 * What kafkajs logs as an error although it is normal in the protocol: the previous transaction's markers are still
 * being written, a coordinator is being elected, a group rebalances. Every refusal by the broker (`Response ...`) is
 * also thrown to the caller, who retries or reports it. A line for each would hide what matters.
 */
const expected = [
  /^Response \w+\(key: \d+/,
  /group is rebalancing/i,
  /no leader for this topic-partition/i,
  /limiting retries for the idempotent producer/i,
  new RegExp(cutOnPurpose),
];

/** The level for a log line of kafkajs. Its `info` is noise (each pause, each join). */
export function severity({ level, log: { message } }: Pick<LogEntry, 'level' | 'log'>): 'debug' | 'warn' | 'error' {
  if (level > kafkajs.logLevel.WARN || expected.some((each) => each.test(message))) return 'debug';
  return level === kafkajs.logLevel.ERROR ? 'error' : 'warn';
}

/** Sends kafkajs's log lines to our logger. */
export const logCreator = () => (entry: LogEntry) => {
  const { message, timestamp: _, logger: __, ...fields } = entry.log;
  log[severity(entry)]({ namespace: entry.namespace, ...fields }, message);
};
