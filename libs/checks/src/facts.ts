import { createEventStore } from '@tradecore/event-sourcing';
import { catalogue, type RecordedEvent } from '@tradecore/events';
import { add, zero, type Decimal } from '@tradecore/money';
import { Account, BrokerOrder, Order } from '@tradecore/trading';
import type { DataSource } from 'typeorm';
import type { Facts, Witnesses } from './witnesses.ts';

/** Reads store and brokerage. */
export async function readFacts(witnesses: Witnesses): Promise<Facts> {
  const stored = await witnesses.stored();
  return {
    stored,
    orders: folded(stored, Order),
    accounts: folded(stored, Account),
    brokerOrders: folded(stored, BrokerOrder),
    atBrokerage: await witnesses.brokerage?.(),
  };
}

/** Every stored event, by time, from one snapshot. */
export async function readStore(dataSource: DataSource): Promise<RecordedEvent[]> {
  const store = createEventStore({ dataSource, catalogue });
  const events: RecordedEvent[] = [];
  try {
    for await (const batch of store.readAll()) events.push(...batch);
  } finally {
    await store.close();
  }
  return events;
}

interface Folded<A> {
  readonly type: string;
  new (id: string): A & { replay(history: Iterable<never>): unknown };
}

function folded<A>(stored: readonly RecordedEvent[], Class: Folded<A>): A[] {
  const histories = Map.groupBy(ofAggregate(stored, Class.type), ({ aggregateId }) => aggregateId);
  return [...histories].map(([id, history]) => {
    const aggregate = new Class(id);
    aggregate.replay(history as Iterable<RecordedEvent> as Iterable<never>);
    return aggregate;
  });
}

/** The stored events of an aggregate type. */
export const ofAggregate = (stored: readonly RecordedEvent[], aggregateType: string): RecordedEvent[] =>
  stored.filter((event) => event.aggregateType === aggregateType);

/** The stored events of one type, with its data. */
export const ofType = <Data>(stored: readonly RecordedEvent[], type: string): (RecordedEvent & { readonly data: Data })[] =>
  stored.filter((event) => event.type === type) as (RecordedEvent & { readonly data: Data })[];

export function addTo(sums: Map<string, Decimal>, key: string, amount: Decimal): void {
  sums.set(key, add(sums.get(key) ?? zero, amount));
}
