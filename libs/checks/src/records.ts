import { catalogue, storedTopics, topics } from '@tradecore/events';
import { publishedLate, withoutGivenUp } from './incidents.ts';
import type { Line } from './line.ts';
import { feedEntries, feedTypes } from './views.ts';
import type { Facts, Witnesses } from './witnesses.ts';

/** What readers of the feed and topics get: each event once, in order, without gaps. */
export async function recordLines(witnesses: Witnesses, { stored }: Facts): Promise<Line[]> {
  return [
    await feed(witnesses, stored),
    ...(await Promise.all(storedTopics.map((topic) => onTopic(witnesses, topic, stored)))),
    await notices(witnesses),
  ];
}

/** Each client-visible event of an account or order is in its feed once; sequences have no gaps. */
async function feed({ database }: Witnesses, stored: Facts['stored']): Promise<Line> {
  const rows = await feedEntries(database);
  const shown = stored.filter(({ type, metadata }) => feedTypes.has(type) && metadata.account !== undefined).map(({ id }) => id);
  const last = new Map<string, number>();
  const gaps = rows.filter(({ account, sequence }) => {
    const isNext = Number(sequence) === (last.get(account) ?? 0) + 1;
    last.set(account, Number(sequence));
    return !isNext;
  });
  const ids = rows.map(({ eventId }) => eventId);
  return { what: 'feed: each change once', store: shown, reads: [...ids, ...gaps.map(({ eventId }) => `gap before ${eventId}`)] };
}

/**
 * Every stored event of the topic, once, and in order for each key and aggregate. A duplicate counts as an extra one.
 * What an operator has given up, or published late, is explained.
 */
async function onTopic(witnesses: Witnesses, topic: string, stored: Facts['stored']): Promise<Line> {
  const seen = await witnesses.topic(topic);
  const held = new Set(stored.filter(({ time }) => time >= (seen.since ?? '')).map(({ id }) => id));
  const expected = stored.filter(({ id, aggregateType }) => held.has(id) && catalogue[aggregateType]?.topic === topic);
  const known = new Set(stored.map(({ id }) => id));
  const judged = seen.records.filter(({ id }) => held.has(id) || !known.has(id));
  const records = await withoutGivenUp(witnesses.database, judged);
  const versions = new Map<string, number>();
  const order = new Map(stored.map(({ id, aggregateId, aggregateVersion }) => [id, { aggregateId, aggregateVersion }]));
  const disordered = records.filter(({ id, key }) => {
    const { aggregateId = '', aggregateVersion = 0 } = order.get(id) ?? {};
    const before = versions.get(`${key} ${aggregateId}`) ?? 0;
    versions.set(`${key} ${aggregateId}`, aggregateVersion);
    return aggregateVersion <= before;
  });
  const late = await publishedLate(
    witnesses.database,
    disordered.map(({ id }) => id),
  );
  const unexplained = disordered.filter(({ id }) => !late.has(id));
  const found = [...records.map(({ id }) => id), ...unexplained.map(({ id }) => `out of order: ${id}`)];
  return { what: `${topic}: each event once, in order`, store: expected.map(({ id }) => id), topics: found };
}

async function notices(witnesses: Witnesses): Promise<Line> {
  const ids = (await witnesses.topic(topics.userNotifications.name)).records.map(({ id }) => id);
  return { what: 'notices sent twice', store: '0', topics: `${ids.length - new Set(ids).size}` };
}
