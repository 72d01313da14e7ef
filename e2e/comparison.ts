import { createEventStore } from '@tradecore/event-sourcing';
import { catalogue, executionIdFor, topics, type AccountEvent, type RecordedEvent } from '@tradecore/events';
import { add, decimal, negate, zero, type Decimal } from '@tradecore/money';
import { feedChanges } from '@tradecore/events';
import { Account, BrokerOrder, isTerminal, Order, type OrdStatus } from '@tradecore/trading';
import { DataSource } from 'typeorm';
import type { Client } from '../deploy/local/src/demo/client.ts';
import type { Paper } from '../deploy/local/src/demo/paper.ts';
import { readTopic } from './topic.ts';
import type { World } from './world.ts';

/** An answer: a figure in words, or everything that was found, one by one. */
type Answer = string | readonly string[];

/** What is asked, and what each of those who should know answers; those who don't know say nothing. */
export interface Line {
  readonly what: string;
  readonly store: Answer;
  readonly broker?: Answer;
  readonly reads?: Answer;
  readonly topics?: Answer;
}

const answersOf = ({ store, broker = store, reads = store, topics: told = store }: Line): Answer[] => [broker, reads, told];

/** True when everybody says the same, in whatever order. */
export const agrees = (line: Line): boolean => answersOf(line).every((answer) => inShort(answer) === inShort(line.store));

/** What one of them has and the store has not, or the other way round; at most four. */
export const differences = (line: Line): string[] =>
  answersOf(line).flatMap((answer) => [
    ...missing(line.store, answer, 'only in the store'),
    ...missing(answer, line.store, 'not in the store'),
  ]);

function missing(from: Answer, in_: Answer, where: string): string[] {
  if (typeof from === 'string' || typeof in_ === 'string') return [];
  const there = new Set(in_);
  return from
    .filter((each) => !there.has(each))
    .slice(0, 4)
    .map((each) => `${where}: ${each}`);
}

/** How many, and a short word that differs when any of them differs. */
function inShort(answer: Answer): string {
  if (typeof answer === 'string') return answer;
  if (answer.length === 0) return '0';
  let hash = 0;
  for (const character of answer.toSorted().join('\n')) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
  return `${answer.length} (${(hash >>> 0).toString(16).padStart(8, '0')})`;
}

/** Somebody and all accounts that they own. */
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

/** The same question about each account. */
const ofEach = <Answer>(owners: readonly Owner[], ask: (client: Client, account: string) => Promise<Answer>): Promise<Answer[]> =>
  Promise.all(owners.flatMap(({ client, accounts }) => accounts.map((account) => ask(client, account))));

interface BrokerOrderSeen {
  readonly id: string;
  readonly client_order_id: string;
  readonly status: string;
  readonly submitted_at: string;
}

interface BrokerFill {
  readonly id: string;
  readonly order_id: string;
  readonly symbol: string;
  readonly side: 'buy' | 'sell';
  readonly qty: string;
}

/** Asks store, broker, read models and topics the same questions, when nothing is under way any more. */
export async function compareAll(witnesses: Witnesses): Promise<Line[]> {
  const { world, paper } = witnesses;
  const stored = await readStore(world.databaseUrl);
  const [orders, fills] = [await brokerOrders(paper), await brokerFills(paper)];
  return [
    ...(await ordersAndFills(witnesses, { stored, orders, fills })),
    ...(await moneyAndShares(witnesses, { stored, orders, fills })),
    sagas(stored),
    await feed(world, stored),
    ...(await Promise.all(storedTopics.map((topic) => onTopic(world, topic, stored)))),
    await notices(world),
  ];
}

interface Facts {
  readonly stored: readonly RecordedEvent[];
  readonly orders: readonly BrokerOrderSeen[];
  readonly fills: readonly BrokerFill[];
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

async function ordersAndFills({ owners }: Witnesses, { stored, orders, fills }: Facts): Promise<Line[]> {
  const ours = folded(stored, Order);
  const seen = (await ofEach(owners, (client, id) => client.orders(id))).flat();
  const revisions = folded(stored, BrokerOrder).filter(
    ({ brokerageOrderId, progress }) => brokerageOrderId !== undefined && progress !== 'rejected',
  );
  const names = orders.map(({ client_order_id: name }) => name);
  const ofType = (type: string): number => new Set(stored.filter((each) => each.type === type).map(executionOf)).size;
  const executions = (await ofEach(owners, (client, id) => client.executions(id))).flat();
  return [
    { what: 'orders', store: `${ours.length}`, reads: `${seen.length}` },
    {
      what: 'of them terminal',
      store: `${ours.filter(({ status }) => status && isTerminal(status)).length}`,
      reads: `${seen.filter(({ status }) => isTerminal(status as OrdStatus)).length}`,
    },
    {
      what: 'orders by status',
      store: tally(ours.map(({ status = '' }) => status)),
      reads: tally(seen.map(({ status }) => status)),
    },
    {
      what: 'orders that the broker took, and their end',
      store: revisions.map(({ id, progress }) => `${id} ${progress}`),
      broker: orders.filter(({ status }) => status !== 'rejected').map(({ client_order_id: id, status }) => `${id} ${status}`),
    },
    {
      what: 'names used twice, names unknown to us',
      store: '0, 0',
      broker: `${names.length - new Set(names).size}, ${unknown(names, stored)}`,
    },
    {
      what: 'executions reported',
      store: `${ofType('ExecutionReported')}`,
      broker: `${fills.length}`,
      reads: `${executions.length}`,
    },
    { what: 'executions settled once', store: once(stored, 'FillSettled'), broker: `${fills.length} of ${fills.length}` },
    {
      what: 'executions told to orders once',
      store: once(stored, 'OrderExecuted'),
      broker: `${fills.length} of ${fills.length}`,
    },
    {
      what: 'the same executions',
      store: stored.filter(({ type }) => type === 'FillSettled').map(executionOf),
      broker: fills.map(idOf),
      reads: executions.map(({ id }) => id),
    },
  ];
}

const idOf = ({ id }: BrokerFill): string => executionIdFor('paper', id.split('::').at(-1) ?? '');
const executionOf = ({ data }: RecordedEvent): string => String((data as { executionId?: string }).executionId);

function once(stored: readonly RecordedEvent[], type: string): string {
  const ids = stored.filter((each) => each.type === type).map(executionOf);
  return `${new Set(ids).size} of ${ids.length}`;
}

function unknown(names: readonly string[], stored: readonly RecordedEvent[]): number {
  const revisions = new Set(
    stored.filter(({ aggregateType }) => aggregateType === 'BrokerOrder').map(({ aggregateId }) => aggregateId),
  );
  return names.filter((name) => !revisions.has(name)).length;
}

/** Money, shares and what is held, for each account and unit: by the account's own fold, by its read models, by the broker's fills. */
async function moneyAndShares({ owners }: Witnesses, { stored, orders, fills }: Facts): Promise<Line[]> {
  const ours = folded(stored, Account);
  const seen = await ofEach(owners, (client, id) => client.account(id));
  const positions = await ofEach(owners, async (client, id) =>
    (await client.positions(id)).map(({ symbol, quantity }) => `${id} ${symbol} ${quantity}`),
  );
  const balances = ours.flatMap(({ id, balances: all }) => all.map((each) => ({ ...each, id })));
  const sums = new Map<string, Decimal>();
  for (const { id, kind, unit, amount } of balances) addTo(sums, `${id} ${kind} ${unit}`, decimal(amount));
  const held = balances.filter(({ book }) => book === 'reserved');
  return [
    { what: 'accounts', store: `${ours.length}`, reads: `${seen.length}` },
    { what: 'books that do not sum to zero', store: `${[...sums.values()].filter((sum) => sum !== zero).length}`, reads: '0' },
    {
      what: 'reserved, with no order open',
      store: `${held.length}`,
      reads: `${seen.filter(({ reserved }) => Number(reserved) !== 0).length}`,
    },
    {
      what: 'cash of each account',
      store: ours.map((each) => `${each.id} ${cashOf(each)}`),
      reads: seen.map(({ id, cash }) => `${id} ${decimal(cash)}`),
    },
    {
      what: 'positions = signed fills',
      store: ours.flatMap(sharesOf),
      broker: signedFills(stored, { orders, fills }),
      reads: positions.flat().filter((text) => !text.endsWith(' 0')),
    },
  ];
}

const cashOf = (account: Account): Decimal => add(account.available('currency', 'USD'), account.reserved('currency', 'USD'));

function sharesOf({ id, balances }: Account): string[] {
  const shares = new Map<string, Decimal>();
  for (const { book, kind, unit, amount } of balances) {
    if (kind === 'symbol' && (book === 'available' || book === 'reserved')) addTo(shares, unit, decimal(amount));
  }
  return [...shares].filter(([, quantity]) => quantity !== zero).map(([symbol, quantity]) => `${id} ${symbol} ${quantity}`);
}

/** What the broker's fills make of each account: it knows revisions, the store knows whose they are. */
function signedFills(stored: readonly RecordedEvent[], { orders, fills }: Pick<Facts, 'orders' | 'fills'>): string[] {
  const nameOf = new Map(orders.map(({ id, client_order_id: name }) => [id, name]));
  const accountOf = new Map(
    stored.flatMap(({ type, aggregateId, data }) =>
      type === 'SubmissionRequested' || type === 'ReplacementRequested'
        ? [[aggregateId, (data as { accountId: string }).accountId]]
        : [],
    ),
  );
  const shares = new Map<string, Decimal>();
  for (const { order_id: id, symbol, side, qty } of fills) {
    addTo(shares, `${accountOf.get(nameOf.get(id) ?? '')} ${symbol}`, side === 'buy' ? decimal(qty) : negate(decimal(qty)));
  }
  return [...shares].filter(([, quantity]) => quantity !== zero).map(([key, quantity]) => `${key} ${quantity}`);
}

function addTo(sums: Map<string, Decimal>, key: string, amount: Decimal): void {
  sums.set(key, add(sums.get(key) ?? zero, amount));
}

function sagas(stored: readonly RecordedEvent[]): Line {
  const ofType = (type: string): number =>
    new Set(stored.filter((each) => each.type === type).map(({ aggregateId }) => aggregateId)).size;
  return { what: 'sagas ended, of those begun', store: `${ofType('PlacementEnded')}`, reads: `${ofType('PlacementStarted')}` };
}

/** Each event of an account or an order that clients hear of is in its feed, once; sequences have no gaps. */
async function feed({ database }: Witnesses['world'], stored: readonly RecordedEvent[]): Promise<Line> {
  const { rows } = await database.query<{ account_id: string; sequence: number; event_id: string }>(
    'select account_id, sequence, event_id from feed_projector.exported_feed_entries order by account_id, sequence',
  );
  const told = stored.filter(({ type, metadata }) => type in feedChanges && metadata.account !== undefined).map(({ id }) => id);
  const last = new Map<string, number>();
  const gaps = rows.filter(({ account_id: account, sequence }) => {
    const isNext = Number(sequence) === (last.get(account) ?? 0) + 1;
    last.set(account, Number(sequence));
    return !isNext;
  });
  const ids = rows.map(({ event_id: id }) => id);
  return { what: 'feed: each change once', store: told, reads: [...ids, ...gaps.map(({ event_id: id }) => `gap before ${id}`)] };
}

const storedTopics = [topics.orderEvents, topics.accountEvents, topics.brokerEvents, topics.orderPlacement].map(
  ({ name }) => name,
);

/** Every stored event of the topic, once, and in order for each key and aggregate. What is twice there is one more. */
async function onTopic({ namespace }: Witnesses['world'], topic: string, stored: readonly RecordedEvent[]): Promise<Line> {
  const expected = stored.filter(({ aggregateType }) => catalogue[aggregateType]?.topic === topic).map(({ id }) => id);
  const records = await readTopic(namespace, topic);
  const versions = new Map<string, number>();
  const order = new Map(stored.map(({ id, aggregateId, aggregateVersion }) => [id, { aggregateId, aggregateVersion }]));
  const disordered = records.filter(({ id, key }) => {
    const { aggregateId = '', aggregateVersion = 0 } = order.get(id) ?? {};
    const before = versions.get(`${key} ${aggregateId}`) ?? 0;
    versions.set(`${key} ${aggregateId}`, aggregateVersion);
    return aggregateVersion <= before;
  });
  const found = [...records.map(({ id }) => id), ...disordered.map(({ id }) => `out of order: ${id}`)];
  return { what: `${topic}: each event once, in order`, store: expected, topics: found };
}

async function notices({ namespace }: Witnesses['world']): Promise<Line> {
  const ids = (await readTopic(namespace, topics.userNotifications.name)).map(({ id }) => id);
  return { what: 'notices told twice', store: '0', topics: `${ids.length - new Set(ids).size}` };
}

async function brokerOrders(paper: Paper): Promise<BrokerOrderSeen[]> {
  const all = new Map<string, BrokerOrderSeen>();
  let after = '1970-01-01T00:00:00Z';
  for (;;) {
    const query = new URLSearchParams({ status: 'all', limit: '500', direction: 'asc', after });
    const page = await paper.ask<BrokerOrderSeen[]>('GET', `/v2/orders?${query}`);
    for (const order of page) all.set(order.id, order);
    const last = page.at(-1);
    if (page.length < 500 || !last) return [...all.values()];
    // One millisecond back: others may have been submitted in the same.
    after = new Date(Date.parse(last.submitted_at) - 1).toISOString();
  }
}

async function brokerFills(paper: Paper): Promise<BrokerFill[]> {
  const all: BrokerFill[] = [];
  for (;;) {
    const token = all.at(-1)?.id;
    const query = new URLSearchParams({ direction: 'asc', page_size: '100', ...(token && { page_token: token }) });
    const page = await paper.ask<BrokerFill[]>('GET', `/v2/account/activities/FILL?${query}`);
    all.push(...page);
    if (page.length < 100) return all;
  }
}

interface Folded<A> {
  readonly type: string;
  new (id: string): A & { replay(history: Iterable<never>): unknown };
}

function folded<A>(stored: readonly RecordedEvent[], Class: Folded<A>): A[] {
  const histories = Map.groupBy(
    stored.filter(({ aggregateType }) => aggregateType === Class.type),
    ({ aggregateId }) => aggregateId,
  );
  return [...histories].map(([id, history]) => {
    const aggregate = new Class(id);
    aggregate.replay(history as Iterable<RecordedEvent<AccountEvent>> as Iterable<never>);
    return aggregate;
  });
}

const tally = (values: readonly string[]): string =>
  [...Map.groupBy(values, (value) => value)]
    .map(([value, all]) => `${all.length} ${value}`)
    .sort()
    .join(', ');

/** The table as it is printed. */
export function printed(lines: readonly Line[]): string {
  const transitions = lines.map((line) => [
    agrees(line) ? '✓' : '✗',
    line.what,
    ...[line.store, line.broker, line.reads, line.topics].map((answer = '') => inShort(answer)),
  ]);
  const titles = ['', 'what', 'event store', 'broker', 'read models', 'topics'];
  const widths = titles.map((title, column) => Math.max(title.length, ...transitions.map((row) => row[column]?.length ?? 0)));
  const table = [titles, ...transitions].map((row) =>
    row
      .map((transition, column) => transition.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const off = lines
    .filter((line) => !agrees(line))
    .flatMap((line) => [`${line.what}:`, ...differences(line).map((each) => `  ${each}`)]);
  return [...table, ...off].join('\n');
}
