import { Inject, Injectable } from '@nestjs/common';
import { BoundedCache } from '@tradecore/consumers';
import { EventStore } from '@tradecore/event-sourcing';
import type { AccessScope, AccountOpened } from '@tradecore/events';
import { insufficientScope, owns, RateLimits, type KnownCaller, type RouteClass } from '@tradecore/service';
import { AccountLanes } from './account-lane/account-lanes.ts';

/** Accounts whose opening is remembered, at most; the oldest go first. */
const remembered = 10_000;

/** Whose accounts are whose: those that the token names, those that the caller owns, and those that an operator let it into. */
@Injectable()
export class AccountAccess {
  readonly #opened = new BoundedCache<string, AccountOpened['data']>(remembered);

  constructor(
    @Inject(EventStore) private readonly eventStore: EventStore,
    @Inject(AccountLanes) private readonly lanes: AccountLanes,
    @Inject(RateLimits) private readonly rates: Pick<RateLimits, 'count'>,
  ) {}

  /** Whether the caller may use the account; if so the request counts as one of it, and is refused with 429 beyond its rate. */
  async admits(caller: KnownCaller, accountId: string, routeClass: RouteClass): Promise<boolean> {
    const scope = routeClass === 'writes' ? 'transfer' : 'trade';
    if (!(await this.mayUse(caller, accountId, scope))) return false;
    await this.rates.count(routeClass, 'account', accountId);
    return true;
  }

  /** How an account was opened, which never changes; undefined for one that is not there (yet), and for what is no account. */
  async opened(accountId: string): Promise<AccountOpened['data'] | undefined> {
    const found = await this.#at(accountId);
    return typeof found === 'string' ? undefined : found;
  }

  /** What stands under an id. */
  async #at(accountId: string): Promise<AccountOpened['data'] | 'nothing' | 'no account'> {
    const known = this.#opened.get(accountId);
    if (known) return known;
    const [first] = await this.eventStore.readEvents(accountId, { to: 1 });
    if (first?.type !== 'AccountOpened') return first ? 'no account' : 'nothing';
    const opened = first.data as AccountOpened['data'];
    this.#opened.set(accountId, opened);
    return opened;
  }

  /**
   * Whether the caller may use the account. Grants are read fresh: one that was revoked opens nothing any more, and one that is not for `scope` is
   * refused with 403, for its bearer knows the account.
   */
  async mayUse(caller: KnownCaller, accountId: string, scope: AccessScope): Promise<boolean> {
    if (owns(caller, accountId)) return (await this.#at(accountId)) !== 'no account';
    const opened = await this.opened(accountId);
    if (!opened) return false;
    if (opened.owner === caller.person) return true;
    const granted = (await this.lanes.fresh(accountId)).granted.get(caller.person);
    if (granted && !granted.includes(scope)) throw insufficientScope(scope, 'grant');
    return granted !== undefined;
  }
}
