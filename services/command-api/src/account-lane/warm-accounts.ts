import { BoundedCache } from '@tradecore/consumers';
import type { EventStore, LoadedMany, Wanted, WarmAggregate } from '@tradecore/event-sourcing';
import { tradingControlIdFor, type RecordedEvent } from '@tradecore/events';
import { Account, TradingControl } from '@tradecore/trading';
import { committedVersion } from './account-request.ts';

const controlOfAllId = tradingControlIdFor('all');
/** The most accounts that are kept; the least recently used one is dropped. */
const keptLimit = 500;

interface Kept {
  readonly account: WarmAggregate<Account>;
  readonly control: WarmAggregate<TradingControl>;
}

/** Accounts and their controls as last committed: a load then reads only later events. */
export class WarmAccounts {
  readonly #kept = new BoundedCache<string, Kept>(keptLimit);
  #controlOfAll: WarmAggregate<TradingControl> | undefined;
  readonly #snapshotted = new Set<string>();

  constructor(private readonly store: EventStore) {}

  /** The account as committed at some moment after the call. */
  async fresh(accountId: string): Promise<Account> {
    const loaded = await this.store.loadMany(this.wanted(accountId));
    this.keep(accountId, loaded);
    return loaded.get(Account, accountId).aggregate;
  }

  /** An account and both controls, for `loadMany`. */
  wanted(accountId: string): Wanted[] {
    const kept = this.#kept.get(accountId);
    return [
      { type: Account, id: accountId, warm: kept?.account },
      { type: TradingControl, id: controlOfAllId, warm: this.#controlOfAll },
      { type: TradingControl, id: tradingControlIdFor(accountId), warm: kept?.control },
    ];
  }

  keep(accountId: string, loaded: LoadedMany): void {
    this.#controlOfAll = loaded.get(TradingControl, controlOfAllId);
    const account = loaded.get(Account, accountId);
    this.#kept.set(accountId, { account, control: loaded.get(TradingControl, tradingControlIdFor(accountId)) });
  }

  /** Applies what was decided on a copy and is now stored, unless a load has already done so. */
  record(copy: Account, stored: readonly RecordedEvent[]): void {
    const warm = this.#kept.get(copy.id)?.account;
    if (!warm || warm.aggregate.version !== committedVersion(copy)) return;
    warm.aggregate.record(copy.uncommittedEvents);
    warm.lastEventId = stored.findLast(({ aggregateId }) => aggregateId === copy.id)?.id ?? warm.lastEventId;
    void this.#keepSnapshot(warm.aggregate);
  }

  /** Runs in the background, one at a time per account. */
  async #keepSnapshot(account: Account): Promise<void> {
    if (this.#snapshotted.has(account.id)) return;
    this.#snapshotted.add(account.id);
    await this.store.keepSnapshots([account]).catch(() => undefined);
    this.#snapshotted.delete(account.id);
  }
}
