import { BaseAggregate } from '@tradecore/event-sourcing';
import { placementIdFor, type OrderPlacementEvent, type RecordedEvent } from '@tradecore/events';

/** The saga of one order: from its clearance to its end. Its events are its steps, and commands to the aggregates that they name. */
export class OrderPlacement extends BaseAggregate<OrderPlacementEvent> {
  static readonly type = 'OrderPlacement';

  /** The saga that an event of Order, Account or BrokerOrder concerns; undefined when none. */
  static sagaIdOf(event: RecordedEvent): string | undefined {
    return event.aggregateType === 'Order' ? placementIdFor(event.aggregateId) : (event.sagaId ?? undefined);
  }

  /** An order that the risk rules let pass begins its saga. */
  static starts({ type }: RecordedEvent): boolean {
    return type === 'OrderCleared';
  }

  /** Decides what an event means at this moment (RFC 3339). Heard again, it means nothing. */
  hear(_event: RecordedEvent, _now: string): void {
    throw new Error('unfinished');
  }

  /** Asks again, or gives up, what is overdue at this moment (RFC 3339). */
  wake(_now: string): void {
    throw new Error('unfinished');
  }

  /** The earliest deadline of an unanswered step, RFC 3339; undefined when nothing is waited for. */
  get dueAt(): string | undefined {
    throw new Error('unfinished');
  }

  /** Whether the order has ended and everything is answered. */
  get isEnded(): boolean {
    throw new Error('unfinished');
  }
}
