import type { AnyAggregate, Target } from '@tradecore/event-sourcing';
import type { Event, RecordedEvent } from '@tradecore/events';
import type { Account, Order, TradingControl } from '@tradecore/trading';

/** The state that a request decides on: what is committed, and the earlier requests of the same save. */
export interface AccountState {
  /** The database's time; RFC 3339. */
  readonly now: string;
  /** Of the store: in another one a version names another state. */
  readonly epoch: string;
  /** A copy, which decisions change. */
  readonly account: Account;
  /** Kill switches and limits: for all accounts, and for this one. */
  readonly controls: readonly [all: TradingControl, own: TradingControl];
  /** The order in `changesOrder`, as committed. */
  order(orderId: string): Order;
  /** An event of `lookups`, if it is stored. */
  stored(eventId: string): RecordedEvent | undefined;
  /** Whether an order with this id, from `createsOrder`, already exists. */
  isTaken(orderId: string): boolean;
}

/** What a decision stores in an aggregate other than the account. */
export interface Change extends Target {
  readonly expected: number;
  readonly events: readonly Event[];
  /** Ids by index, for events whose id does not derive from the command. */
  readonly ids?: ReadonlyMap<number, string>;
  /** The saga that the events belong to. */
  readonly sagaId?: string;
}

/** The decision on a request. Nothing is stored if it changes nothing. */
export interface Decision<T> {
  readonly changes?: readonly Change[];
  /** True if it depends on kill switches and limits: it is stored only if they are unchanged. */
  readonly judged?: boolean;
  /** Makes the answer from the decision's stored events: those of `changes`, then the account's. */
  readonly answer: (events: readonly RecordedEvent[]) => T;
}

/** A request that changes an account and perhaps an order: decided in its account's lane, stored with others. */
export interface AccountRequest<T> {
  readonly accountId: string;
  /** The command that the ids of its events derive from; without it they are new. */
  readonly commandId?: string;
  /** The most events that it stores. */
  readonly maxEvents: number;
  /** Ids of events that show whether it, or something that blocks it, is already stored. */
  readonly lookups?: readonly string[];
  /** The order that it creates, or the one that it changes. */
  readonly createsOrder?: string;
  readonly changesOrder?: string;
  /**
   * Decides; changes only `state.account`. Called again after a lost save. An error is the answer, once the decisions
   * before it are stored.
   */
  decide(state: AccountState): Decision<T>;
}

/** A copy to decide on; the original stays as committed. */
export function copyOf(account: Account): Account {
  const copy = new (account.constructor as new (id: string) => Account)(account.id);
  copy.restore(account.toSnapshot());
  copy.startAt(account.version);
  return copy;
}

/** The version without uncommitted events. */
export const committedVersion = ({ version, uncommittedEvents }: AnyAggregate): number => version - uncommittedEvents.length;
