import { withoutGivenUp } from '@tradecore/checks';
import { catalogue } from '@tradecore/events';
import { createKafkaClient, decode, Undecodable } from '@tradecore/messaging';
import { setting, type World } from '../world.ts';

/** Ids that are on a topic with other data than in the store, or that the store does not hold; except what was given up. */
export async function otherOnTopics({ database, namespace }: World): Promise<string[]> {
  const query = async (sql: string, parameters?: unknown[]) =>
    (await database.query(sql, parameters)).rows as Record<string, unknown>[];
  const rows = await query('select event_id::text as id, event_data as data from event_store');
  const stored = new Map(rows.map(({ id, data }) => [String(id), inOrder(data)]));
  const kafka = createKafkaClient({ brokers: setting('KAFKA_BROKERS').split(','), clientId: 'drill', namespace });
  const others: string[] = [];
  try {
    for (const name of new Set(Object.values(catalogue).map(({ topic }) => topic))) {
      await kafka.readTopic(name, async (records) => {
        const differing = records.flatMap((record) => {
          const event = decode(record);
          if (event instanceof Undecodable) others.push(`${name}: a record that is no event`);
          else if (stored.get(event.id) !== inOrder(event.data)) return [{ ...record, id: event.id, event }];
          return [];
        });
        for (const { id, event } of await withoutGivenUp({ query }, differing)) others.push(`${name}: ${event.type} ${id}`);
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
