import { readStore as read, type AtBrokerage, type BrokerageFill, type ReadModels, type Witnesses } from '@tradecore/checks';
import { executionIdFor, type RecordedEvent } from '@tradecore/events';
import { standing, type Client } from '@tradecore/local/demo/client.ts';
import type { Paper } from '@tradecore/local/demo/paper.ts';
import { DataSource } from 'typeorm';
import type { World } from '../world.ts';
import { readTopic } from './topic.ts';

/** A person and all accounts that they own. */
export interface Owner {
  readonly client: Client;
  readonly accounts: readonly string[];
}

/** The sources of facts about a fleet; `owners` own every account. */
export interface Asked {
  readonly world: Pick<World, 'database' | 'databaseUrl' | 'namespace'>;
  readonly paper: Paper;
  readonly owners: readonly Owner[];
}

/** The store, the topics, the API as clients see it, and the paper broker. */
export const witnessesOf = ({ world, paper, owners }: Asked): Witnesses => ({
  stored: () => readStore(world.databaseUrl),
  database: { query: async (sql, parameters) => (await world.database.query(sql, parameters)).rows as Record<string, unknown>[] },
  readModels: overHttp(owners),
  topic: async (name) => ({ records: await readTopic(world.namespace, name) }),
  brokerage: async (): Promise<AtBrokerage> => ({
    orders: await brokerageOrders(paper),
    fills: (await brokerageFills(paper)).map((fill) => ({
      ...fill,
      id: executionIdFor('paper', fill.id.split('::').at(-1) ?? ''),
    })),
  }),
});

/** Every stored event, ordered by time. */
export async function readStore(url: string): Promise<RecordedEvent[]> {
  const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
  return read(dataSource).finally(() => dataSource.destroy());
}

function overHttp(owners: readonly Owner[]): ReadModels {
  const ofEach = <Seen>(ask: (client: Client, account: string) => Promise<Seen>): Promise<Seen[]> =>
    Promise.all(owners.flatMap(({ client, accounts }) => accounts.map((account) => ask(client, account))));
  return {
    orders: async () => (await ofEach((client, id) => client.orders(id))).flat(),
    accounts: () => ofEach((client, id) => client.account(id)),
    positions: async () => {
      const all = await ofEach(async (client, accountId) =>
        (await client.positions(accountId)).map(({ symbol, quantity }) => ({ accountId, symbol, quantity })),
      );
      return all.flat();
    },
    executions: async () => standing((await ofEach((client, id) => client.executions(id))).flat()),
  };
}

type Submitted = AtBrokerage['orders'][number] & { readonly submitted_at: string };

async function brokerageOrders(paper: Paper): Promise<Submitted[]> {
  const all = new Map<string, Submitted>();
  let after = '1970-01-01T00:00:00Z';
  for (;;) {
    const query = new URLSearchParams({ status: 'all', limit: '500', direction: 'asc', after });
    const page = await paper.ask<Submitted[]>('GET', `/v2/orders?${query}`);
    for (const order of page) all.set(order.id, order);
    const last = page.at(-1);
    if (page.length < 500 || !last) return [...all.values()];
    // One millisecond back: others may have been submitted in the same one.
    after = new Date(Date.parse(last.submitted_at) - 1).toISOString();
  }
}

/** Every execution that the brokerage lists, under the brokerage's ids. */
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
