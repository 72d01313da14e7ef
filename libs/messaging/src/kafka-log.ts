import { logger } from '@tradecore/telemetry';
import kafkajs, { type LogEntry, type logLevel } from 'kafkajs';

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

/** Sends kafkajs's lines to our logger, expected repeats and its chatty `info` as `debug`. */
export const logCreator =
  (): ((entry: LogEntry) => void) =>
  ({ namespace, level, log: { message, timestamp: _, logger: __, ...fields } }) => {
    const line = { namespace, ...fields };
    const quiet = level > kafkajs.logLevel.WARN || expected.some((each) => each.test(message));
    if (quiet) log.debug(line, message);
    else if (level === (kafkajs.logLevel.ERROR as logLevel)) log.error(line, message);
    else log.warn(line, message);
  };
