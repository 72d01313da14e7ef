import { catalogue, topics } from '@tradecore/events';
import { feedEntries, feedTypes } from './contracts.ts';
import type { Line } from './line.ts';
import { readTopic } from './topic.ts';
import type { Facts, Witnesses } from './witnesses.ts';

const storedTopics = [topics.orderEvents, topics.accountEvents, topics.brokerEvents, topics.orderPlacement].map(
  ({ name }) => name,
);

/** What readers of feed and topics get: each event once, in order, without gaps. */
export async function recordLines({ world }: Witnesses, { stored }: Facts): Promise<Line[]> {
  return [
    await feed(world, stored),
    ...(await Promise.all(storedTopics.map((topic) => onTopic(world, topic, stored)))),
    await notices(world),
  ];
}

/** Each event of an account or an order that clients hear of is in its feed, once; sequences have no gaps. */
async function feed({ database }: Witnesses['world'], stored: Facts['stored']): Promise<Line> {
  const { rows } = await database.query<{ account_id: string; sequence: number; event_id: string }>(feedEntries);
  const shown = stored.filter(({ type, metadata }) => feedTypes.has(type) && metadata.account !== undefined).map(({ id }) => id);
  const last = new Map<string, number>();
  const gaps = rows.filter(({ account_id: account, sequence }) => {
    const isNext = Number(sequence) === (last.get(account) ?? 0) + 1;
    last.set(account, Number(sequence));
    return !isNext;
  });
  const ids = rows.map(({ event_id: id }) => id);
  return { what: 'feed: each change once', store: shown, reads: [...ids, ...gaps.map(({ event_id: id }) => `gap before ${id}`)] };
}

/** Every stored event of the topic, once, and in order for each key and aggregate. What is twice there is one more. */
async function onTopic({ namespace }: Witnesses['world'], topic: string, stored: Facts['stored']): Promise<Line> {
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
  return { what: 'notices sent twice', store: '0', topics: `${ids.length - new Set(ids).size}` };
}
