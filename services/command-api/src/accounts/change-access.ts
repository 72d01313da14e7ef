import { Inject, Injectable } from '@nestjs/common';
import type { Account } from '@tradecore/trading';
import { AccountLanes } from '../account-lane/account-lanes.ts';
import type { AccountState } from '../account-lane/account-request.ts';

/** An operator's request to let somebody into an account, or out of it. */
export interface ChangeAccessCommand {
  readonly access: 'granted' | 'revoked';
  readonly accountId: string;
  /** The `sub` of the tokens of whoever it is about. */
  readonly subject: string;
}

/** Who may use the account now, and whether the command changed that. */
export interface ChangedAccess extends Pick<Account, 'owner' | 'version'> {
  readonly subjects: readonly string[];
  readonly changed: boolean;
}

/** Grants and revokes the use of an account. */
@Injectable()
export class ChangeAccess {
  constructor(@Inject(AccountLanes) private readonly lanes: AccountLanes) {}

  /** Nothing is stored where the access was as asked. Throws `AccountNotFound`, and what `AccountLanes.submit` throws. */
  execute({ access, accountId, subject }: ChangeAccessCommand): Promise<ChangedAccess> {
    const decide = ({ account }: AccountState) => {
      const before = account.version;
      if (access === 'granted') account.grantAccess(subject);
      else account.revokeAccess(subject);
      const { owner, version, subjects } = account;
      const result = { owner, version, subjects: [...subjects].sort(), changed: version > before };
      return { answer: () => result };
    };
    return this.lanes.submit<ChangedAccess>({ accountId, maxEvents: 1, decide });
  }
}
