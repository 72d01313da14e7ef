import { catalogue } from '@tradecore/events';
import { createKafkaClient, decode, Undecodable } from '@tradecore/messaging';
import { setting, type World } from '../world.ts';

/** Ids that stand on a topic with other data than in the store, or that the store does not hold. */
export async function otherOnTopics({ database, namespace }: World): Promise<string[]> {
  const { rows } = await database.query<{ id: string; data: object }>(
    'select event_id::text as id, event_data as data from event_store',
  );
  const stored = new Map(rows.map(({ id, data }) => [id, inOrder(data)]));
  const kafka = createKafkaClient({ brokers: setting('KAFKA_BROKERS').split(','), clientId: 'drill', namespace });
  const others: string[] = [];
  try {
    for (const name of new Set(Object.values(catalogue).map(({ topic }) => topic))) {
      await kafka.readTopic(name, (records) => {
        for (const event of records.map(decode)) {
          if (event instanceof Undecodable) others.push(`${name}: a record that is no event`);
          else if (stored.get(event.id) !== inOrder(event.data)) others.push(`${name}: ${event.type} ${event.id}`);
        }
      });
    }
  } finally {
    await kafka.close();
  }
  return others;
}

/** The store keeps keys in an order of its own. */
const inOrder = (data: unknown): string =>
  JSON.stringify(data, (_, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value,
  );
