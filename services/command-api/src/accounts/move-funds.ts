import { Inject, Injectable } from '@nestjs/common';
import { causedEventId, derivedId, type FundsDeposited, type RecordedEvent } from '@tradecore/events';
import { counter } from '@tradecore/telemetry';
import { differingFields } from '@tradecore/trading';
import { AccountLanes } from '../account-lane/account-lanes.ts';
import type { AccountState, Decision } from '../account-lane/account-request.ts';
import { IdempotencyKeyReused } from '../idempotency-key.ts';

/** Which way money goes. */
export type Movement = 'deposit' | 'withdrawal';

/** A request to bring money in or take it out; account, kind, who asks and the key make it one, however often it is sent. */
export interface MoveFundsCommand {
  readonly kind: Movement;
  readonly accountId: string;
  /** Canonical decimal. */
  readonly amount: string;
  readonly reference?: string;
  /** Who asks: keys of one person mean nothing to another. */
  readonly person: string;
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
  constructor(@Inject(AccountLanes) private readonly lanes: AccountLanes) {}

  /** Throws `IdempotencyKeyReused`, and what `Account.deposit`, `Account.withdraw` and `AccountLanes.submit` throw. */
  async execute(command: MoveFundsCommand): Promise<MovedFunds> {
    const { kind, accountId, person, idempotencyKey } = command;
    const commandId = derivedId(kind, accountId, person, idempotencyKey);
    const eventId = causedEventId(commandId, accountId, 0);
    const moved = await this.lanes.submit<MovedFunds>({
      accountId,
      commandId,
      maxEvents: 1,
      lookups: [eventId],
      decide: (state) => {
        const before = state.stored(eventId);
        return before ? { answer: () => repeated(command, before) } : move(command, state);
      },
    });
    movements.inc({ kind, outcome: moved.outcome });
    return moved;
  }
}

function move({ kind, amount, reference }: MoveFundsCommand, { account }: AccountState): Decision<MovedFunds> {
  if (kind === 'deposit') account.deposit(amount, reference);
  else account.withdraw(amount, reference);
  return { answer: ([event]) => ({ outcome: 'moved', event: event as RecordedEvent<FundsDeposited> }) };
}

function repeated(command: MoveFundsCommand, stored: RecordedEvent): MovedFunds {
  const differing = differingFields(command, stored.data, ['amount', 'reference']);
  if (differing.length > 0) throw new IdempotencyKeyReused(differing);
  return { outcome: 'repeated', event: stored as RecordedEvent<FundsDeposited> };
}
