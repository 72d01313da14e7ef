import { Inject, Injectable } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import { derivedId, type FundsDeposited, type RecordedEvent } from '@tradecore/events';
import { counter } from '@tradecore/telemetry';
import { Account } from '@tradecore/trading';
import { AccountChanges } from './account-changes.ts';
import { differingFields, IdempotencyKeyReused } from './asked.ts';

/** Which way money goes. */
export type Movement = 'deposit' | 'withdrawal';

/** A request to bring money in or take it out; account, kind and key make it one, however often it is sent. */
export interface MoveFundsCommand {
  readonly kind: Movement;
  readonly accountId: string;
  /** Canonical decimal. */
  readonly amount: string;
  readonly reference?: string;
  readonly idempotencyKey: string;
}

/** The movement as it is stored, and whether this command was the first. */
export interface MovedFunds {
  readonly outcome: 'moved' | 'repeated';
  readonly event: RecordedEvent<FundsDeposited>;
}

const movements = counter({
  name: 'account_movements_total',
  help: 'Deposits and withdrawals, new and repeated.',
  labels: { kind: ['deposit', 'withdrawal'], outcome: ['moved', 'repeated'] },
});

/** Deposits and withdrawals. What is reserved for orders can't be withdrawn. */
@Injectable()
export class MoveFunds {
  constructor(
    @Inject(EventStore) private readonly eventStore: EventStore,
    @Inject(AccountChanges) private readonly changes: AccountChanges,
  ) {}

  /** Throws `IdempotencyKeyReused`, and what `Account.deposit`, `Account.withdraw` and `EventStore.saveAggregate` throw. */
  async execute(command: MoveFundsCommand): Promise<MovedFunds> {
    const { kind, accountId, idempotencyKey } = command;
    const commandId = derivedId(kind, accountId, idempotencyKey);
    const moved = await this.changes.make(accountId, () => this.#move(command, commandId), { commandId });
    movements.inc({ kind, outcome: moved.outcome });
    return moved;
  }

  /**
   * A repeat is looked for before deciding, for the account may have spent since what a withdrawal left; and after loading, for else what
   * another process does in between stood in the account and not in the answer: the repeat would be refused.
   */
  async #move(command: MoveFundsCommand, commandId: string): Promise<MovedFunds> {
    const account = await this.eventStore.loadAggregate(Account, command.accountId);
    const [before] = await this.eventStore.readCommand(commandId, [command.accountId]);
    if (before) return repeated(command, before);
    if (command.kind === 'deposit') account.deposit(command.amount, command.reference);
    else account.withdraw(command.amount, command.reference);
    const { outcome, events } = await this.eventStore.saveAggregate(account);
    const [event] = events;
    if (!event) throw new Error('a movement stored nothing');
    return outcome === 'repeated'
      ? repeated(command, event)
      : { outcome: 'moved', event: event as RecordedEvent<FundsDeposited> };
  }
}

function repeated(command: MoveFundsCommand, stored: RecordedEvent): MovedFunds {
  const differing = differingFields(command, stored.data, ['amount', 'reference']);
  if (differing.length > 0) throw new IdempotencyKeyReused(differing);
  return { outcome: 'repeated', event: stored as RecordedEvent<FundsDeposited> };
}
