import { Inject, Injectable } from '@nestjs/common';
import type { GrantsResponse, TagTest } from '@tradecore/api';
import type { AccessScope } from '@tradecore/events';
import { People } from '@tradecore/service';
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
export interface ChangedAccess extends Pick<GrantsResponse, 'owner' | 'subjects' | 'version'> {
  readonly changed: boolean;
}

/** As the account has it: by persons. */
interface Decided extends Pick<ChangedAccess, 'owner' | 'version' | 'changed'> {
  readonly granted: readonly (readonly [person: string, readonly AccessScope[]])[];
}

/** Grants and revokes the use of an account. */
@Injectable()
export class ChangeAccess {
  constructor(
    @Inject(AccountLanes) private readonly lanes: AccountLanes,
    @Inject(People) private readonly people: Pick<People, 'personOf' | 'subjectsOf'>,
  ) {}

  /**
   * Nothing is stored where the access was as asked. Throws 412 when the account has another version than `ifMatch` takes,
   * `AccountNotFound`, and what `AccountLanes.submit` throws.
   */
  async execute({ access, accountId, subject, scopes, ifMatch }: ChangeAccessCommand): Promise<ChangedAccess> {
    const person = await this.people.personOf(subject);
    const decide = ({ account, epoch }: AccountState) => {
      const before = account.version;
      mustMatch(ifMatch, { version: before, epoch }, 'account-changed');
      if (access === 'granted') account.grantAccess(person, scopes);
      else account.revokeAccess(person);
      const { owner = '', version } = account;
      const result = { owner, version, granted: [...account.granted], changed: version > before };
      return { answer: () => result };
    };
    const { owner, granted, ...changed } = await this.lanes.submit<Decided>({ accountId, maxEvents: 1, decide });
    const known = await this.people.subjectsOf([owner, ...granted.map(([each]) => each)]);
    const subjects = granted
      .map(([each, its]) => ({ subject: known.get(each) ?? each, scopes: [...its] }))
      .sort((one, other) => (one.subject < other.subject ? -1 : 1));
    return { ...changed, owner: known.get(owner) ?? owner, subjects };
  }
}
