import { Inject, Injectable } from '@nestjs/common';
import type { GrantsResponse, TagTest } from '@tradecore/api';
import type { AccessScope } from '@tradecore/events';
import type { Account } from '@tradecore/trading';
import { AccountLanes } from '../account-lane/account-lanes.ts';
import type { AccountState } from '../account-lane/account-request.ts';
import { mustMatch } from '../if-match.ts';

/** An operator's request to let somebody into an account, or out of it. */
export interface ChangeAccessCommand {
  readonly access: 'granted' | 'revoked';
  readonly accountId: string;
  /** The `sub` of the tokens of whoever it is about. */
  readonly subject: string;
  /** What for; those of a grant by itself when absent. */
  readonly scopes?: readonly AccessScope[];
  /** Which version of the account the request is based on; any when absent. */
  readonly ifMatch?: TagTest | undefined;
}

/** Who may use the account now, and whether the command changed that. */
export interface ChangedAccess extends Pick<Account, 'owner' | 'version'> {
  readonly subjects: GrantsResponse['subjects'];
  readonly changed: boolean;
}

/** Grants and revokes the use of an account. */
@Injectable()
export class ChangeAccess {
  constructor(@Inject(AccountLanes) private readonly lanes: AccountLanes) {}

  /**
   * Nothing is stored where the access was as asked. Throws 412 when the account has another version than `ifMatch` takes,
   * `AccountNotFound`, and what `AccountLanes.submit` throws.
   */
  execute({ access, accountId, subject, scopes, ifMatch }: ChangeAccessCommand): Promise<ChangedAccess> {
    const decide = ({ account }: AccountState) => {
      const before = account.version;
      mustMatch(ifMatch, account, 'account-changed');
      if (access === 'granted') account.grantAccess(subject, scopes);
      else account.revokeAccess(subject);
      const { owner, version } = account;
      const subjects = [...account.subjects].sort().map(([name, granted]) => ({ subject: name, scopes: [...granted] }));
      const result = { owner, version, subjects, changed: version > before };
      return { answer: () => result };
    };
    return this.lanes.submit<ChangedAccess>({ accountId, maxEvents: 1, decide });
  }
}
