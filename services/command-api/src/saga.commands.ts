import { Injectable } from '@nestjs/common';
import type { Transaction } from '@tradecore/event-sourcing';
import {
  catalogue,
  OrderChangeAsked,
  ReleaseAsked,
  ReservationAsked,
  ReservationChangeAsked,
  SettlementAsked,
  type RecordedEvent,
} from '@tradecore/events';
import { Handles, type CommandHandler } from '@tradecore/consumers';
import { counter } from '@tradecore/telemetry';
import { Account, Order } from '@tradecore/trading';

const answers = counter({
  name: 'saga_answers_total',
  help: 'Events with which accounts and orders answered steps of sagas, refusals too.',
  labels: { type: [] },
});
for (const { type } of [...(catalogue['Account']?.events ?? []), ...(catalogue['Order']?.events ?? [])]) answers.inc({ type }, 0);

const count = (events: readonly RecordedEvent[]): void => events.forEach(({ type }) => answers.inc({ type }));

/** What sagas ask of accounts. Each is answered by an event of the account, a refusal too. */
@Injectable()
export class AccountCommands implements CommandHandler {
  static readonly aggregate = Account;

  @Handles(ReservationAsked)
  reserve(account: Account, { data }: RecordedEvent<ReservationAsked>): void {
    account.reserve(data);
  }

  @Handles(ReservationChangeAsked)
  changeReservation(account: Account, { data }: RecordedEvent<ReservationChangeAsked>): void {
    account.changeReservation(data);
  }

  @Handles(SettlementAsked)
  settle(account: Account, { data }: RecordedEvent<SettlementAsked>): void {
    account.settle(data);
  }

  @Handles(ReleaseAsked)
  release(account: Account, { data }: RecordedEvent<ReleaseAsked>): void {
    account.release(data);
  }

  stored(_: Transaction, events: readonly RecordedEvent[]): Promise<void> {
    count(events);
    return Promise.resolve();
  }
}

/** What sagas tell orders. Each is answered by an event of the order: the change, or why it changes nothing. */
@Injectable()
export class OrderCommands implements CommandHandler {
  static readonly aggregate = Order;

  @Handles(OrderChangeAsked)
  tell(order: Order, { data }: RecordedEvent<OrderChangeAsked>): void {
    order.tell(data.change);
  }

  stored(_: Transaction, events: readonly RecordedEvent[]): Promise<void> {
    count(events);
    return Promise.resolve();
  }
}
