import { Inject, Injectable } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import type { AccountOpened, RecordedEvent } from '@tradecore/events';
import { accountsOfSubject, isReadableBy } from '@tradecore/read-models';
import { owns, RateLimits, RequestRefused, tokens, type Caller } from '@tradecore/service';
import { DataSource } from 'typeorm';
import type { PageLimit } from './page-limit.ts';

/** Accounts of one subject beside those of its token, at most; who needs more names them in the token. */
const accountsLimit = 10_000;

/** How much a caller may read, and of which accounts: those that the token names, those it owns, and those it was granted access to. */
@Injectable()
export class Access {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(EventStore) private readonly store: EventStore,
    @Inject(RateLimits) private readonly rates: RateLimits,
    @Inject(tokens.config) private readonly limits: PageLimit,
  ) {}

  /** Ids of all of them, each once. What was opened or granted a moment ago may not be among them yet. */
  async accountsOf({ accounts, subject }: Caller): Promise<readonly string[]> {
    return [...new Set([...accounts, ...(await accountsOfSubject(this.db, subject, accountsLimit))])];
  }

  /** Whether the account is one of them; the owner of one that was opened a moment ago may, for its first event says so. */
  async may(caller: Caller, accountId: string): Promise<boolean> {
    if (owns(caller, accountId)) return true;
    if (await isReadableBy(this.db, caller.subject, accountId)) return true;
    const [first] = await this.store.readEvents(accountId, { to: 1 });
    return first !== undefined && ownerOf(first) === caller.subject;
  }

  /**
   * Refuses with 404 an account that is not one of them; it is answered like one that does not exist. Else the read counts as one of the account,
   * and is refused with 429 beyond its rate. `place`: where it was named.
   */
  async must(caller: Caller, accountId: string, place: 'query' | 'path' = 'path'): Promise<void> {
    if (!(await this.may(caller, accountId))) throw accountNotFound(place);
    await this.count(accountId);
  }

  /** Counts a read of the account, and refuses it with 429 beyond its rate. */
  async count(accountId: string): Promise<void> {
    await this.rates.count('reads', 'account', accountId);
  }

  /** How much a page holds that was asked for so much. */
  pageOf(asked: number): number {
    return Math.min(asked, this.limits.LIMIT_PAGE);
  }
}

/** The owner of the account, from its first event. */
const ownerOf = ({ type, data }: RecordedEvent): string | undefined =>
  type === 'AccountOpened' ? (data as AccountOpened['data']).owner : undefined;

/** The answer for a foreign account and for one that does not exist. */
export const accountNotFound = (place: 'query' | 'path'): RequestRefused =>
  new RequestRefused(404, 'account-not-found', 'Not found, or not visible to you.', {
    errors: [
      {
        pointer: place === 'path' ? '#/id' : '#/accountId',
        in: place,
        code: 'not-found',
        detail: 'is no account that is visible to you',
      },
    ],
  });
