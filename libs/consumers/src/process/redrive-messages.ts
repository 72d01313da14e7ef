import type { RecordedEvent } from '@tradecore/events';
import { Busy, type Transaction } from '@tradecore/event-sourcing';
import { logger } from '@tradecore/telemetry';
import { isFaultOfOne, parkedReason } from '../offsets/errors.ts';
import { isNewer } from '../offsets/release.ts';
import { inTransaction, outsideTransaction } from '../offsets/transaction.ts';
import type { ConsumerParts } from './begin.ts';
import {
  nextParked,
  pairsToRedrive,
  parkAgain,
  peekParked,
  unpark,
  type NextParked,
  type Pair,
  type ParkedIn,
} from './parked-messages.ts';

const log = logger('consumers');

/** The dependencies of a redrive. */
export interface RedriveParts extends Pick<ConsumerParts, 'dataSource' | 'store'>, ParkedIn {
  readonly name: string;
  /**
   * Handles a message in its own transaction: `first` begins it, `settle` (with the reason, if it failed again) ends
   * it. A deadline, or a message that this build does not handle, is only settled.
   */
  readonly handle: (pair: Pair, event: RecordedEvent | undefined, around: RedriveAround) => Promise<void>;
}

/** What a redrive does around a message. */
export interface RedriveAround {
  /** Locks the pair. Throws `Elsewhere`. */
  first(tx: Transaction): Promise<void>;
  settle(tx: Transaction, failedAgain: string | undefined): Promise<void>;
}

/** Another instance redrives the pair or has redriven the message, or a newer release has taken it over. */
class Elsewhere extends Error {
  override readonly name = 'Elsewhere';
}

/**
 * Retries what operators marked and what older releases parked: pair by pair, in order, up to the first message of a
 * pair that fails again. One transaction for each message.
 */
export async function redriveMessages(parts: RedriveParts): Promise<void> {
  const outside = outsideTransaction(parts.dataSource);
  for (const pair of await pairsToRedrive(outside, parts)) {
    let done = 0;
    let reason: string | undefined;
    for (;;) {
      const message = await peekParked(outside, parts.schema, pair);
      if (!message) break;
      const outcome = await redriveOne(parts, pair, message);
      reason = outcome.failedAgain;
      if (!outcome.isDone) break;
      done += 1;
    }
    log.info({ consumer: parts.name, ...pair, done, reason }, 'redriven');
  }
}

interface Outcome {
  readonly isDone: boolean;
  readonly failedAgain?: string;
}

async function redriveOne(parts: RedriveParts, pair: Pair, message: NextParked): Promise<Outcome> {
  const { dataSource, store, handle } = parts;
  const event = message.eventId === null ? undefined : (await store.loadMany([], [message.eventId])).events.get(message.eventId);
  let failedAgain: string | undefined;
  const around = aroundMessage(parts, pair, message, (reason) => (failedAgain = reason));
  try {
    await handle(pair, event, around);
  } catch (error) {
    if (error instanceof Elsewhere || error instanceof Busy) return { isDone: false };
    if (!isFaultOfOne(error)) throw error;
    failedAgain = parkedReason('row-refused', error);
    await inTransaction(dataSource, async (tx) => {
      await around.first(tx);
      await around.settle(tx, failedAgain);
    });
  }
  return failedAgain === undefined ? { isDone: true } : { isDone: false, failedAgain };
}

function aroundMessage(
  parkedIn: ParkedIn,
  pair: Pair,
  message: NextParked,
  failed: (reason: string | undefined) => void,
): RedriveAround {
  return {
    first: async (tx) => {
      const next = await nextParked(tx, parkedIn.schema, pair);
      if (next === 'busy' || next?.n !== message.n || isNewer(next.release, parkedIn.release))
        throw new Elsewhere('another instance redrives it');
    },
    settle: async (tx, reason) => {
      failed(reason);
      if (reason === undefined) await unpark(tx, parkedIn.schema, message);
      else await parkAgain(tx, parkedIn, pair, { n: message.n, reason });
    },
  };
}
