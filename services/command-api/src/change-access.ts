import { Inject, Injectable } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import { Account } from '@tradecore/trading';
import { AccountChanges } from './account-changes.ts';

/** An operator's request to let somebody into an account, or out of it. */
export interface ChangeAccessCommand {
  readonly access: 'granted' | 'revoked';
  readonly accountId: string;
  /** The `sub` of the tokens of whoever it is about. */
  readonly subject: string;
}

/** Grants and revokes the use of an account. */
@Injectable()
export class ChangeAccess {
  constructor(
    @Inject(EventStore) private readonly eventStore: EventStore,
    @Inject(AccountChanges) private readonly changes: AccountChanges,
  ) {}

  /** The account with the access as asked; nothing is stored where it was so. Throws `AccountNotFound`. */
  async execute({ access, accountId, subject }: ChangeAccessCommand): Promise<{ account: Account; changed: boolean }> {
    const change = async () => {
      const account = await this.eventStore.loadAggregate(Account, accountId);
      if (access === 'granted') account.grantAccess(subject);
      else account.revokeAccess(subject);
      const changed = account.uncommittedEvents.length > 0;
      await this.eventStore.saveAggregate(account);
      return { account, changed };
    };
    return this.changes.make(accountId, change);
  }
}
