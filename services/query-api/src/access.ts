import { Inject, Injectable } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import type { AccountOpened, RecordedEvent } from '@tradecore/events';
import { accountsOfSubject } from '@tradecore/read-models';
import { owns, RequestRefused, type Caller } from '@tradecore/service';
import { DataSource } from 'typeorm';

/** Accounts of one subject beside those of its token, at most; who needs more names them in the token. */
const accountsLimit = 10_000;

/** Which accounts a caller may read: those that the token names, those it owns, and those it was granted access to. */
@Injectable()
export class Access {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(EventStore) private readonly store: EventStore,
  ) {}

  /** Ids of all of them, each once. What was opened or granted a moment ago may not be among them yet. */
  async accountsOf({ accounts, subject }: Caller): Promise<readonly string[]> {
    return [...new Set([...accounts, ...(await accountsOfSubject(this.db, subject, accountsLimit))])];
  }

  /** Whether the account is one of them; the owner of one that was opened a moment ago may, for its first event says so. */
  async may(caller: Caller, accountId: string): Promise<boolean> {
    if (owns(caller, accountId)) return true;
    if ((await this.accountsOf(caller)).includes(accountId)) return true;
    const [first] = await this.store.readEvents(accountId, { to: 1 });
    return first !== undefined && ownerOf(first) === caller.subject;
  }

  /** Refuses with 404 an account that is not one of them; it is answered like one that does not exist. `place`: where it was named. */
  async must(caller: Caller, accountId: string, place: 'query' | 'path' = 'path'): Promise<void> {
    if (!(await this.may(caller, accountId))) throw accountNotFound(place);
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
