import { Inject, Injectable } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import { currentContext } from '@tradecore/telemetry';
import type { Account } from '@tradecore/trading';
import { AccountLane } from './account-lane.ts';
import type { AccountRequest } from './account-request.ts';
import { WarmAccounts } from './warm-accounts.ts';

/** The most bytes of an event without its context: the fields of every request are bounded. */
const eventBytes = 2000;

/** All requests that change accounts: one lane for each account with requests at the moment. */
@Injectable()
export class AccountLanes {
  readonly #lanes = new Map<string, AccountLane>();
  readonly #warm: WarmAccounts;

  constructor(@Inject(EventStore) private readonly eventStore: EventStore) {
    this.#warm = new WarmAccounts(eventStore);
  }

  /**
   * Decides and stores a request in its turn. Throws what the request throws; `Busy` when too many wait or a lock is
   * not available; and what `EventStore.savePrepared` throws.
   */
  submit<T>(request: AccountRequest<T>): Promise<T> {
    const context = currentContext();
    if (!context) throw new TypeError('an account request needs a context');
    const { accountId, maxEvents } = request;
    const bytes = maxEvents * (eventBytes + Buffer.byteLength(JSON.stringify(context)));
    return new Promise<unknown>((resolve, reject) => {
      this.#laneOf(accountId).add({ request, context, bytes, since: performance.now(), resolve, reject });
    }) as Promise<T>;
  }

  /** An account as committed at some moment after the call. */
  fresh(accountId: string): Promise<Account> {
    return this.#warm.fresh(accountId);
  }

  #laneOf(accountId: string): AccountLane {
    const known = this.#lanes.get(accountId);
    if (known) return known;
    const lane = new AccountLane(accountId, this.eventStore, this.#warm, () => void this.#lanes.delete(accountId));
    this.#lanes.set(accountId, lane);
    return lane;
  }
}
