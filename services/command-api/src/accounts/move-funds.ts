import { Inject, Injectable } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import { causedEventId, derivedId, WrittenText, type FundsDeposited, type RecordedEvent } from '@tradecore/events';
import { counter } from '@tradecore/telemetry';
import { AccountLanes } from '../account-lane/account-lanes.ts';
import type { AccountState, Decision } from '../account-lane/account-request.ts';
import { mustBeSame } from '../idempotency-key.ts';

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
  name: 'tradecore_account_movements_total',
  help: 'Deposits and withdrawals, new and repeated.',
  labels: { kind: ['deposit', 'withdrawal'], outcome: ['moved', 'repeated'] },
});

/** Deposits and withdrawals. What is reserved for orders can't be withdrawn. */
@Injectable()
export class MoveFunds {
  constructor(
    @Inject(AccountLanes) private readonly lanes: AccountLanes,
    @Inject(EventStore) private readonly eventStore: Pick<EventStore, 'withTexts'>,
  ) {}

  /** Throws `IdempotencyKeyReused`, and what `Account.deposit`, `Account.withdraw` and `AccountLanes.submit` throw. */
  async execute(command: MoveFundsCommand): Promise<MovedFunds> {
    const { kind, accountId, person, idempotencyKey } = command;
    const reference = command.reference === undefined ? undefined : new WrittenText(command.reference);
    const commandId = derivedId(kind, accountId, person, idempotencyKey);
    const eventId = causedEventId(commandId, accountId, 0);
    const moved = await this.lanes.submit<MovedFunds>({
      accountId,
      commandId,
      maxEvents: 1,
      lookups: [eventId],
      decide: (state) => {
        const before = state.stored(eventId);
        return before
          ? { answer: () => ({ outcome: 'repeated', event: before as RecordedEvent<FundsDeposited> }) }
          : move({ ...command, reference }, state);
      },
    });
    if (moved.outcome === 'repeated')
      await mustBeSame(this.eventStore, { asked: command, stored: moved.event.data }, ['amount', 'reference']);
    movements.inc({ kind, outcome: moved.outcome });
    return moved;
  }
}

type Move = Pick<MoveFundsCommand, 'kind' | 'amount'> & { readonly reference: WrittenText | undefined };

function move({ kind, amount, reference }: Move, { account }: AccountState): Decision<MovedFunds> {
  if (kind === 'deposit') account.deposit(amount, reference);
  else account.withdraw(amount, reference);
  return { answer: ([event]) => ({ outcome: 'moved', event: event as RecordedEvent<FundsDeposited> }) };
}
