import { Inject, Injectable } from '@nestjs/common';
import { ConcurrencyException, EventStore } from '@tradecore/event-sourcing';
import { accountIdFor, type AccountOpened } from '@tradecore/events';
import { counter, extendContext } from '@tradecore/telemetry';
import { Account } from '@tradecore/trading';

/** A request for an account. `owner` and key name it: the same two are the same account for ever. */
export interface OpenAccountCommand {
  readonly terms: AccountOpened['data'];
  readonly idempotencyKey: string;
}

/** The account as it stands, and whether this command was the first. */
export interface OpenedAccount {
  readonly outcome: 'opened' | 'repeated';
  readonly account: Account;
}

const opened = counter({
  name: 'accounts_opened_total',
  help: 'Accounts opened, and repeats of such a request.',
  labels: { outcome: ['opened', 'repeated'] },
});

/** Opens an account for whoever asks. */
@Injectable()
export class OpenAccount {
  constructor(@Inject(EventStore) private readonly eventStore: EventStore) {}

  /** Throws `AccountAlreadyOpened` when the key opened an account with other terms, and what `EventStore.saveAggregate` throws. */
  async execute({ terms, idempotencyKey }: OpenAccountCommand): Promise<OpenedAccount> {
    const accountId = accountIdFor(terms.owner, idempotencyKey);
    const result = await extendContext({ account: accountId }, () => this.#open(accountId, terms));
    opened.inc({ outcome: result.outcome });
    return result;
  }

  async #open(accountId: string, terms: AccountOpened['data']): Promise<OpenedAccount> {
    const account = new Account(accountId);
    account.open(terms);
    try {
      await this.eventStore.saveAggregate(account);
      return { outcome: 'opened', account };
    } catch (error) {
      if (!(error instanceof ConcurrencyException)) throw error;
      const known = await this.eventStore.loadAggregate(Account, accountId);
      known.open(terms);
      return { outcome: 'repeated', account: known };
    }
  }
}
