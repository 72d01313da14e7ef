import { Injectable } from '@nestjs/common';
import { Busy, ConcurrencyException, retryOnConflict } from '@tradecore/event-sourcing';
import { extendContext, type WorkContext } from '@tradecore/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';

/** Changes of one account that wait in this process, at most. */
const queueLimit = 100;
/** Attempts, for sagas and other processes write to the same account; the pause before the n-th is up to n times 5 ms. */
const attempts = { limit: 20, pause: 5 };

/**
 * What clients and operators change in an account, one after the other for each account of this process: ten deposits at once would else
 * decide on the same state, and nine of them again. Sagas and other processes may still be faster; then it is decided anew.
 */
@Injectable()
export class AccountChanges {
  readonly #queues = new Map<string, { waiting: number; last: Promise<unknown> }>();

  /** Runs `change` (load, decide, save), again while others were faster. Throws `Busy` when too many wait or it came too late too often. */
  async make<T>(accountId: string, change: () => Promise<T>, context: Partial<WorkContext> = {}): Promise<T> {
    const queue = this.#queues.get(accountId) ?? { waiting: 0, last: Promise.resolve() };
    if (queue.waiting >= queueLimit) throw new Busy('too many changes of this account wait');
    this.#queues.set(accountId, queue);
    queue.waiting += 1;
    const made = queue.last.then(() => extendContext({ ...context, account: accountId }, () => untilStored(change)));
    queue.last = made.catch(() => undefined);
    try {
      return await made;
    } finally {
      queue.waiting -= 1;
      if (queue.waiting === 0) this.#queues.delete(accountId);
    }
  }
}

async function untilStored<T>(change: () => Promise<T>): Promise<T> {
  let attempt = 0;
  const again = async (): Promise<T> => {
    attempt += 1;
    if (attempt > 1) await sleep(Math.random() * attempt * attempts.pause);
    return change();
  };
  try {
    return await retryOnConflict(again, attempts.limit);
  } catch (error) {
    if (!(error instanceof ConcurrencyException)) throw error;
    throw new Busy('others changed the account at the same time, again and again', undefined, { cause: error });
  }
}
