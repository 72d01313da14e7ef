import { Inject, Injectable } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import type { AccountOpened, RecordedEvent } from '@tradecore/events';
import { accountsOfSubject, isReadableBy, personOf } from '@tradecore/read-models';
import { owns, RateLimits, RequestRefused, tokens, type Caller } from '@tradecore/service';
import { DataSource } from 'typeorm';
import type { QueryConfig } from './settings.ts';

/** Most accounts of one subject besides those of its token; a client that needs more names them in the token. */
const accountsLimit = 10_000;

/**
 * What a caller may read: accounts that the token names, that it owns, or that it was granted access to; and how much.
 */
@Injectable()
export class Access {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(EventStore) private readonly store: EventStore,
    @Inject(RateLimits) private readonly rates: RateLimits,
    @Inject(tokens.config) private readonly limits: Pick<QueryConfig, 'LIMIT_PAGE'>,
  ) {}

  /** Ids of all these accounts, without duplicates. One opened or granted a moment ago may be missing. */
  async accountsOf({ accounts, subject }: Caller): Promise<readonly string[]> {
    return [...new Set([...accounts, ...(await accountsOfSubject(this.db, subject, accountsLimit))])];
  }

  /** Whether the caller may read the account. The owner of one opened a moment ago may, by its first event. */
  async may(caller: Caller, accountId: string): Promise<boolean> {
    if (owns(caller, accountId)) return true;
    if (await isReadableBy(this.db, caller.subject, accountId)) return true;
    const [[first], person] = await Promise.all([this.store.readEvents(accountId, { to: 1 }), personOf(this.db, caller.subject)]);
    return first !== undefined && person !== undefined && ownerOf(first) === person;
  }

  /**
   * Refuses an account that the caller may not read with 404, like one that does not exist. Otherwise counts a read of
   * the account, and refuses it with 429 beyond its rate. `place`: where the request names it.
   */
  async must(caller: Caller, accountId: string, place: 'query' | 'path' = 'path'): Promise<void> {
    if (!(await this.may(caller, accountId))) throw accountNotFound(place);
    await this.count(accountId);
  }

  /** Counts a read of the account; refuses it with 429 beyond its rate. */
  async count(accountId: string): Promise<void> {
    await this.rates.count('reads', 'account', accountId);
  }

  /** The size of a page for a requested size. */
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
        detail: 'is not an account that is visible to you',
      },
    ],
  });
