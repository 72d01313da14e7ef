import { createEventStore } from '@tradecore/event-sourcing';
import { catalogue, executionIdFor, type AccountEvent, type RecordedEvent } from '@tradecore/events';
import { add, zero, type Decimal } from '@tradecore/money';
import { Account, BrokerOrder, Order } from '@tradecore/trading';
import { DataSource } from 'typeorm';
import type { Client } from '@tradecore/local/demo/client.ts';
import type { Paper } from '@tradecore/local/demo/paper.ts';
import type { World } from '../world.ts';

/** A person and all accounts that they own. */
export interface Owner {
  readonly client: Client;
  readonly accounts: readonly string[];
}

/** Who is asked; `owners` own every account that there is. */
export interface Witnesses {
  readonly world: Pick<World, 'database' | 'databaseUrl' | 'namespace'>;
  readonly paper: Paper;
  readonly owners: readonly Owner[];
}

/** An order as the brokerage shows it. */
export interface BrokerageOrderSeen {
  readonly id: string;
  readonly client_order_id: string;
  readonly status: string;
  readonly submitted_at: string;
}

/** An execution as the brokerage lists it: as it stands now; one that was taken back is not in the list. */
export interface BrokerageFill {
  readonly id: string;
  readonly order_id: string;
  readonly symbol: string;
  readonly side: 'buy' | 'sell';
  readonly qty: string;
  readonly price: string;
}

/** What the store and the brokerage hold, read once. */
export interface Facts {
  readonly stored: readonly RecordedEvent[];
  readonly orders: readonly Order[];
  readonly accounts: readonly Account[];
  readonly brokerOrders: readonly BrokerOrder[];
  readonly atBrokerage: { readonly orders: readonly BrokerageOrderSeen[]; readonly fills: readonly BrokerageFill[] };
}

/** Reads both. */
export async function readFacts({ world, paper }: Witnesses): Promise<Facts> {
  const stored = await readStore(world.databaseUrl);
  return {
    stored,
    orders: folded(stored, Order),
    accounts: folded(stored, Account),
    brokerOrders: folded(stored, BrokerOrder),
    atBrokerage: { orders: await brokerageOrders(paper), fills: await brokerageFills(paper) },
  };
}

/** Every stored event, in the order of time. */
export async function readStore(url: string): Promise<RecordedEvent[]> {
  const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
  const store = createEventStore({ dataSource, catalogue });
  const events: RecordedEvent[] = [];
  for await (const batch of store.readAll()) events.push(...batch);
  await store.close();
  await dataSource.destroy();
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
    aggregate.replay(history as Iterable<RecordedEvent<AccountEvent>> as Iterable<never>);
    return aggregate;
  });
}

/** The stored events of a type of aggregate. */
export const ofAggregate = (stored: readonly RecordedEvent[], aggregateType: string): RecordedEvent[] =>
  stored.filter((event) => event.aggregateType === aggregateType);

/** The stored events of one type, with its data. */
export const ofType = <Data>(stored: readonly RecordedEvent[], type: string): (RecordedEvent & { readonly data: Data })[] =>
  stored.filter((event) => event.type === type) as (RecordedEvent & { readonly data: Data })[];

/** The same question about each account. */
export const ofEach = <Answer>(
  owners: readonly Owner[],
  ask: (client: Client, account: string) => Promise<Answer>,
): Promise<Answer[]> => Promise.all(owners.flatMap(({ client, accounts }) => accounts.map((account) => ask(client, account))));

/** Our id of an execution of the brokerage. */
export const idOf = ({ id }: BrokerageFill): string => executionIdFor('paper', id.split('::').at(-1) ?? '');

/** Adds to one of several sums. */
export function addTo(sums: Map<string, Decimal>, key: string, amount: Decimal): void {
  sums.set(key, add(sums.get(key) ?? zero, amount));
}

/** How many of each: `3 filled, 1 canceled`. */
export const tally = (values: readonly string[]): string =>
  [...Map.groupBy(values, (value) => value)]
    .map(([value, all]) => `${all.length} ${value}`)
    .sort()
    .join(', ');

async function brokerageOrders(paper: Paper): Promise<BrokerageOrderSeen[]> {
  const all = new Map<string, BrokerageOrderSeen>();
  let after = '1970-01-01T00:00:00Z';
  for (;;) {
    const query = new URLSearchParams({ status: 'all', limit: '500', direction: 'asc', after });
    const page = await paper.ask<BrokerageOrderSeen[]>('GET', `/v2/orders?${query}`);
    for (const order of page) all.set(order.id, order);
    const last = page.at(-1);
    if (page.length < 500 || !last) return [...all.values()];
    // One millisecond back: others may have been submitted in the same.
    after = new Date(Date.parse(last.submitted_at) - 1).toISOString();
  }
}

/** Every execution that the brokerage lists. */
export async function brokerageFills(paper: Paper): Promise<BrokerageFill[]> {
  const all: BrokerageFill[] = [];
  for (;;) {
    const token = all.at(-1)?.id;
    const query = new URLSearchParams({ direction: 'asc', page_size: '100', ...(token && { page_token: token }) });
    const page = await paper.ask<BrokerageFill[]>('GET', `/v2/account/activities/FILL?${query}`);
    all.push(...page);
    if (page.length < 100) return all;
  }
}
