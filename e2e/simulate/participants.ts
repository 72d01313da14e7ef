import type { AggregateClass, AnyAggregate } from '@tradecore/event-sourcing';
import type {
  CancellationAsked,
  OrderChangeAsked,
  RecordedEvent,
  ReleaseAsked,
  ReplacementAsked,
  ReservationAsked,
  ReservationChangeAsked,
  SettlementAsked,
  Step,
  SubmissionAsked,
} from '@tradecore/events';
import { Account, BrokerOrder, Order, OrderPlacement } from '@tradecore/trading';
import type { Clock } from './clock.ts';
import type { Journal } from './journal.ts';
import type { Consumer } from './transport.ts';

/** The classes that decide: those of the fleet, or others in tests that show what the checks find. */
export interface Deciders {
  readonly Order: typeof Order;
  readonly Account: typeof Account;
  readonly OrderPlacement: typeof OrderPlacement;
  readonly BrokerOrder: typeof BrokerOrder;
}

/** Those of the fleet. */
export const deciders: Deciders = { Order, Account, OrderPlacement, BrokerOrder };

type Decide<A extends AnyAggregate> = (aggregate: A, step: RecordedEvent<never>) => void;

/** A consumer of the saga's steps: one aggregate type, what it does for each step. A repeat is known by the id of its first event. */
function commandConsumer<A extends AnyAggregate>(
  name: string,
  journal: Journal,
  Class: AggregateClass<A>,
  handlers: Readonly<Record<string, Decide<A>>>,
): Consumer {
  return {
    name,
    takes: ({ type }) => type in handlers,
    keyOf: ({ data }) => (data as Step).target,
    handle: (step) => {
      const { target, commandId } = step.data as Step;
      if (journal.isHandled(commandId, target)) return;
      const aggregate = journal.load(Class, target);
      handlers[step.type]?.(aggregate, step as RecordedEvent<never>);
      const account = step.metadata.account;
      journal.save(aggregate, { commandId, sagaId: step.aggregateId, causationId: step.id, ...(account && { account }) });
    },
  };
}

/** What command-api does for the saga. */
export const accountCommands = (journal: Journal, Class: typeof Account): Consumer =>
  commandConsumer('command-api', journal, Class, {
    ReservationAsked: (account, { data }: RecordedEvent<ReservationAsked>) => account.reserve(data),
    ReservationChangeAsked: (account, { data }: RecordedEvent<ReservationChangeAsked>) => account.changeReservation(data),
    SettlementAsked: (account, { data }: RecordedEvent<SettlementAsked>) => account.settle(data),
    ReleaseAsked: (account, { data }: RecordedEvent<ReleaseAsked>) => account.release(data),
  });

/** The same for orders. */
export const orderCommands = (journal: Journal, Class: typeof Order): Consumer =>
  commandConsumer('command-api', journal, Class, {
    OrderChangeAsked: (order, { data }: RecordedEvent<OrderChangeAsked>) => order.tell(data.change),
  });

/** What broker-gateway's consumer does: it only stores the intent; `attend` is called after it. */
export const brokerCommands = (journal: Journal, Class: typeof BrokerOrder, attend: (revisionId: string) => void): Consumer => {
  const consumer = commandConsumer('broker-gateway', journal, Class, {
    SubmissionAsked: (revision, { data }: RecordedEvent<SubmissionAsked>) => revision.submit(withoutStep(data)),
    ReplacementAsked: (revision, { data }: RecordedEvent<ReplacementAsked>) => revision.replace(withoutStep(data)),
    CancellationAsked: (revision, _: RecordedEvent<CancellationAsked>) => revision.cancel(),
  });
  return {
    ...consumer,
    handle: (step) => {
      consumer.handle(step);
      attend((step.data as Step).target);
    },
  };
};

function withoutStep<T extends Step>({ target: _, commandId: __, attempt: ___, dueAt: ____, ...rest }: T): Omit<T, keyof Step> {
  return rest;
}

/**
 * What order-saga does: hears each event once, stores what it decides, and wakes when it is due. Duplicates are known by the last version
 * heard of each aggregate: what one aggregate says comes in order, to whichever sagas.
 */
export function sagaConsumer(journal: Journal, clock: Clock, Class: typeof OrderPlacement): Consumer {
  const heard = new Map<string, number>();
  const timers = new Map<string, string>();
  const setTimer = (id: string): void => {
    const { dueAt } = journal.load(Class, id);
    if (dueAt === undefined) return void timers.delete(id);
    if (timers.get(id) === dueAt) return;
    timers.set(id, dueAt);
    clock.at(Date.parse(dueAt), () => {
      if (timers.get(id) !== dueAt) return;
      timers.delete(id);
      const saga = journal.load(Class, id);
      saga.wake(clock.time);
      journal.save(saga, { sagaId: id });
      setTimer(id);
    });
  };
  return {
    name: 'order-saga',
    takes: ({ aggregateType, sagaId }) => aggregateType === 'Order' || (aggregateType !== Class.type && sagaId !== null),
    keyOf: ({ aggregateId }) => aggregateId,
    handle: (event) => {
      const id = Class.sagaIdOf(event);
      if (id === undefined) return;
      if (event.aggregateVersion <= (heard.get(event.aggregateId) ?? 0)) return;
      if (!journal.histories.has(id) && !Class.starts(event)) return;
      heard.set(event.aggregateId, event.aggregateVersion);
      const saga = journal.load(Class, id);
      saga.hear(event, clock.time);
      const account = event.metadata.account;
      journal.save(saga, { sagaId: id, causationId: event.id, ...(account && { account }) });
      setTimer(id);
    },
  };
}
