import type { AnyAggregate, Target } from '@tradecore/event-sourcing';
import type { Event, RecordedEvent } from '@tradecore/events';
import type { Account, Order, TradingControl } from '@tradecore/trading';

/** What a request that changes an account decides on: what is committed, and the requests in front of it in the same save. */
export interface AccountState {
  /** The time of the database; RFC 3339. */
  readonly now: string;
  /** Decisions change this one; it is a copy. */
  readonly account: Account;
  /** Kill switches and limits: of all accounts, and of this one. */
  readonly controls: readonly [all: TradingControl, own: TradingControl];
  /** An order of `changesOrder`, as committed. */
  order(orderId: string): Order;
  /** An event of `lookups`, where it is stored. */
  stored(eventId: string): RecordedEvent | undefined;
  /** Whether there is an order already of an id that `createsOrder` names. */
  isTaken(orderId: string): boolean;
}

/** What a decision stores in an aggregate beside the account. */
export interface Change extends Target {
  readonly expected: number;
  readonly events: readonly Event[];
  /** Ids by index, where an event has a name of its own. */
  readonly ids?: ReadonlyMap<number, string>;
  /** The saga that the events belong to. */
  readonly sagaId?: string;
}

/** What a request comes to. Nothing is stored where it changes neither the account nor anything else. */
export interface Decision<T> {
  readonly changes?: readonly Change[];
  /** Kill switches and limits took part: it is stored only while they are what they were. */
  readonly judged?: boolean;
  /** The answer, from the events of the decision as they were stored: those of `changes`, then the account's. */
  readonly answer: (events: readonly RecordedEvent[]) => T;
}

/** A request that changes an account, perhaps with an order: decided in its account's lane, stored with others. */
export interface AccountRequest<T> {
  readonly accountId: string;
  /** The command, from which the ids of its events derive; they are fresh where it is absent. */
  readonly commandId?: string;
  /** Events that it stores, at most. */
  readonly maxEvents: number;
  /** Ids of events that tell whether it, or something in its way, is stored already. */
  readonly lookups?: readonly string[];
  /** The order that it makes, or the one that it changes. */
  readonly createsOrder?: string;
  readonly changesOrder?: string;
  /**
   * Decides; changes `state.account` and nothing else. Called again when the save was lost to others. What it throws is the answer, once
   * what was decided in front of it is stored.
   */
  decide(state: AccountState): Decision<T>;
}

/** The same aggregate, to decide on: the one that is kept stays as committed. */
export function copyOf(account: Account): Account {
  const copy = new (account.constructor as new (id: string) => Account)(account.id);
  copy.restore(account.toSnapshot());
  copy.startAt(account.version);
  return copy;
}

/** The version before what was decided and is not stored. */
export const committedVersion = ({ version, uncommittedEvents }: AnyAggregate): number => version - uncommittedEvents.length;
