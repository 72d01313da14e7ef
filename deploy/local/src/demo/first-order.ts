import type { createKafkaClient } from '@tradecore/messaging';
import { partitionKey } from '@tradecore/messaging';
import { orderIdFor } from '@tradecore/events';
import type pg from 'pg';
import type { Client, Terms } from './client.ts';
import { Refusal } from '../runner/console.ts';
import type { FeedWatch } from './feed-watch.ts';

/** One sighting, and its time: milliseconds after the request was sent. */
interface Sighting {
  readonly at: number;
  readonly what: string;
  readonly detail: string;
}

/** Where the first order is watched. */
export interface Places {
  readonly client: Client;
  readonly accountId: string;
  readonly database: pg.Client;
  readonly kafka: ReturnType<typeof createKafkaClient>;
  readonly feed: FeedWatch;
}

/** Time limit of a sighting. */
const patienceMs = 15_000;

/**
 * Sends an order and watches it from every place at once: request, stored event, answer, topic and offset, row, push.
 */
export async function watchFirstOrder(places: Places, terms: Terms): Promise<{ orderId: string; sightings: Sighting[] }> {
  const { client, accountId, database, kafka, feed } = places;
  const clientOrderId = `demo-${crypto.randomUUID()}`;
  const orderId = orderIdFor(accountId, clientOrderId);
  const body = { accountId, clientOrderId, ...terms };
  const onTopic = await watchTopic(kafka, orderId);
  const pushed = pushOf(feed, orderId);
  const sent = performance.now();
  const seen = async (what: string, detail: Promise<string>): Promise<Sighting> => {
    const text = await inTime(what, detail);
    return { at: performance.now() - sent, what, detail: text };
  };
  const sightings = await Promise.all([
    seen('event stored', untilFound(database, storedEvent, orderId)),
    seen('answer', answer(client, body)),
    seen('on the topic', onTopic.record),
    seen('row readable', untilFound(database, readableRow, orderId)),
    seen('pushed', pushed),
  ]);
  await onTopic.close();
  const request = { at: 0, what: 'request', detail: `POST /v1/orders ${JSON.stringify(body)}` };
  return { orderId, sightings: [request, ...sightings].sort((a, b) => a.at - b.at) };
}

async function answer(client: Client, body: object): Promise<string> {
  const { status, headers, body: order } = await client.ask('POST', '/v1/orders', { body });
  if (status !== 201) throw new Refusal(`The order was refused with ${status}: ${JSON.stringify(order)}`);
  return `201 Created, Location ${headers.get('location')}, ETag ${headers.get('etag')}`;
}

const storedEvent = `select event_type || ' in event_store, version ' || aggregate_version || ', event ' || event_id as found
  from event_store where aggregate_id = $1 order by aggregate_version limit 1`;

const readableRow = `select 'order_projector.exported_orders: ' || quantity || ' ' || symbol || ', ' || status || ', version ' || version as found
  from order_projector.exported_orders where order_id = $1`;

/** Polls every millisecond, as PostgreSQL does not notify a client of a new row. */
async function untilFound(database: pg.Client, select: string, id: string): Promise<string> {
  const deadline = performance.now() + patienceMs;
  while (performance.now() < deadline) {
    const { rows } = await database.query<{ found: string }>({ name: select.slice(0, 40), text: select, values: [id] });
    if (rows[0]) return rows[0].found;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Refusal(`Order ${id} was not seen within ${patienceMs / 1000} s: ${select}`);
}

/**
 * Reads the topic from its current end, as any `read_committed` consumer would, until the order's first record arrives.
 */
async function watchTopic(
  kafka: ReturnType<typeof createKafkaClient>,
  orderId: string,
): Promise<{ record: Promise<string>; close: () => Promise<void> }> {
  const [assigned, record] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()];
  const consumer = kafka.runConsumer({
    group: `demo-${crypto.randomUUID()}`,
    topics: ['transport.order-events'],
    positions: async (all) => new Map(all.map((each) => [partitionKey(each), each.endOffset])),
    onAssigned: () => assigned.resolve(),
    onBatch: async ({ topic, partition, messages }) => {
      const found = messages.find(({ key }) => String(key) === orderId);
      if (found) record.resolve(`${topic}, partition ${partition}, offset ${found.offset}`);
    },
  });
  await assigned.promise;
  return { record: record.promise, close: () => consumer.stop() };
}

function pushOf(feed: FeedWatch, orderId: string): Promise<string> {
  return new Promise((resolve) => {
    const stop = feed.listen((pushed) => {
      if (pushed.orderId !== orderId) return;
      stop();
      resolve(`WebSocket /v1/stream, change ${pushed.sequence} of the account: ${pushed.change}`);
    });
  });
}

function inTime<T>(what: string, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = setTimeout(() => reject(new Refusal(`"${what}" was not seen within ${patienceMs / 1000} s.`)), patienceMs);
  return Promise.race([work, promise]).finally(() => clearTimeout(late));
}
