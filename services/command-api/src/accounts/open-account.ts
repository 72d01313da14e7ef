import { Inject, Injectable } from '@nestjs/common';
import { KeyedMutex } from '@tradecore/consumers';
import { ConcurrencyException, DomainError, EventStore } from '@tradecore/event-sourcing';
import { accountIdFor, WrittenText, type AccountOpened, type WithTexts } from '@tradecore/events';
import { tokens } from '@tradecore/service';
import { counter, extendContext } from '@tradecore/telemetry';
import { Account } from '@tradecore/trading';
import { DataSource } from 'typeorm';
import type { Limits } from '../limits.ts';
import { mustBeSame } from '../idempotency-key.ts';

/** A request for an account. `owner` and key name it: the same two are the same account for ever. */
export interface OpenAccountCommand {
  readonly terms: AccountTerms;
  readonly idempotencyKey: string;
}

/** With the name as text. */
type AccountTerms = WithTexts<AccountOpened['data']>;

/** The account as it stands, and whether this command was the first. */
export interface OpenedAccount {
  readonly outcome: 'opened' | 'repeated';
  readonly account: Account;
}

const opened = counter({
  name: 'tradecore_accounts_opened_total',
  help: 'Accounts opened, and repeats of such a request.',
  labels: { outcome: ['opened', 'repeated'] },
});

/** Opens an account for whoever asks. */
@Injectable()
export class OpenAccount {
  /** One account of a person after the other, so that the count holds; each process may open one more at the same time. */
  readonly #mutex = new KeyedMutex();

  constructor(
    @Inject(EventStore) private readonly eventStore: EventStore,
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(tokens.config) private readonly limits: Pick<Limits, 'LIMIT_ACCOUNTS'>,
  ) {}

  /**
   * Throws `IdempotencyKeyReused` when the key opened an account with other terms, `TooManyAccounts`, and what `EventStore.saveAggregate`
   * throws.
   */
  async execute({ terms, idempotencyKey }: OpenAccountCommand): Promise<OpenedAccount> {
    const accountId = accountIdFor(terms.owner, idempotencyKey);
    const result = await extendContext({ account: accountId }, () =>
      this.#mutex.run(terms.owner, () => this.#open(accountId, terms)),
    );
    opened.inc({ outcome: result.outcome });
    return result;
  }

  async #open(accountId: string, terms: AccountTerms): Promise<OpenedAccount> {
    const account = await this.eventStore.loadAggregate(Account, accountId);
    if (account.isOpen) return this.#repeated(account, terms);
    await this.#mustHaveRoom(terms.owner);
    const { name, ...rest } = terms;
    account.open({ ...rest, ...(name !== undefined && { name: new WrittenText(name) }) });
    try {
      await this.eventStore.saveAggregate(account);
      return { outcome: 'opened', account };
    } catch (error) {
      if (!(error instanceof ConcurrencyException)) throw error;
      return this.#repeated(await this.eventStore.loadAggregate(Account, accountId), terms);
    }
  }

  /** The key opened the account before: with these terms, or the key was used for another request. */
  async #repeated(account: Account, terms: AccountTerms): Promise<OpenedAccount> {
    await mustBeSame(this.eventStore, { asked: terms, stored: account.openedWith }, ['owner', 'currency', 'name']);
    return { outcome: 'repeated', account };
  }

  async #mustHaveRoom(owner: string): Promise<void> {
    const limit = this.limits.LIMIT_ACCOUNTS;
    const [{ count }] = await this.db.query<[{ count: number }]>(
      `select count(*)::int as count from (
         select from event_store where event_type = 'AccountOpened' and event_data ->> 'owner' = $1 limit $2) opened`,
      [owner, limit],
    );
    if (count >= limit) throw new TooManyAccounts(limit);
  }
}

/** The person opened as many accounts as one may. */
export class TooManyAccounts extends DomainError {
  readonly code = 'too-many-accounts';
  readonly kind = 'refused';
  constructor(limit: number) {
    super(`You have opened ${limit} accounts, and may have no more.`, { limit });
  }
}
