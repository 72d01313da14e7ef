import { withoutGivenUp, type PlacedRecord } from '@tradecore/checks';
import { storedTopics } from '@tradecore/events';
import { createKafkaClient, decode, Undecodable, type IncomingMessage } from '@tradecore/messaging';
import { setting, type World } from '../world.ts';

interface Seen extends PlacedRecord {
  readonly type: string;
  readonly data: string;
}

/** Ids that are on a topic with other data than in the store, or that the store does not hold; except what was given up. */
export async function otherOnTopics({ database, namespace }: World): Promise<string[]> {
  const others: string[] = [];
  const seen: Seen[] = [];
  const kafka = createKafkaClient({ brokers: setting('KAFKA_BROKERS').split(','), clientId: 'drill', namespace });
  const take = (records: readonly IncomingMessage[]): void => {
    for (const record of records) {
      const { topic, partition, offset } = record;
      const event = decode(record);
      if (event instanceof Undecodable) others.push(`${topic}: a record that is no event`);
      else seen.push({ topic, partition, offset, id: event.id, type: event.type, data: inOrder(event.data) });
    }
  };
  try {
    for (const name of storedTopics) await kafka.readTopic(name, take);
  } finally {
    await kafka.close();
  }
  // The store last: a fleet at work stores first and publishes then.
  const query = async (sql: string, parameters?: unknown[]) =>
    (await database.query(sql, parameters)).rows as Record<string, unknown>[];
  const rows = await query('select event_id::text as id, event_data as data from event_store');
  const stored = new Map(rows.map(({ id, data }) => [String(id), inOrder(data)]));
  const differing = seen.filter(({ id, data }) => stored.get(id) !== data);
  for (const { topic, type, id } of await withoutGivenUp({ query }, differing)) others.push(`${topic}: ${type} ${id}`);
  return others;
}

/** The store keeps keys in an order of its own. */
const inOrder = (data: unknown): string =>
  JSON.stringify(data, (_, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value,
  );
