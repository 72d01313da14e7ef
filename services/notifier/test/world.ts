import { fileURLToPath } from 'node:url';
import { freshId, OrderCanceled, topics, type RecordedEvent } from '@tradecore/events';
import { recordedSample } from '@tradecore/events/testing';
import { encode, type KafkaClient } from '@tradecore/messaging';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import type { Notice } from '@tradecore/trading';

/** A Kafka broker with the notifier's topics. */
export const createWorld = (partitions = 2): Promise<TestKafka> =>
  createTestKafka({
    partitions,
    declarations: [
      topics.orderEvents,
      topics.accountEvents,
      topics.controlEvents,
      topics.userNotifications,
      topics.deadLetters,
      topics.relayPosition,
    ],
  });

/** Stored events of `count` cancelled orders, each with its own account. */
export const canceledOrders = (count: number): RecordedEvent[] =>
  Array.from({ length: count }, () => recordedSample(new OrderCanceled({}), { metadata: { account: freshId() } }));

/** Publishes stored events as the relay does. */
export async function relay(kafka: KafkaClient, events: readonly RecordedEvent[], topic: string = topics.orderEvents.name) {
  const producer = await kafka.openTransactional({ transactionalId: 'test-relay', writer: 'relay' });
  const messages = events.map((event) => encode({ ...event, dataText: JSON.stringify(event.data) }, event.aggregateId));
  const batches = [{ topic, messages }];
  await producer.send({ batches, group: 'test-relay', positionTopic: topics.relayPosition.name, partition: 0, offset: 0n });
  await producer.discard();
}

/** The committed notices so far. */
export const told = async (world: TestKafka): Promise<Notice[]> =>
  (await world.readTopic(topics.userNotifications.name)).map(({ value }) => JSON.parse(String(value)) as Notice);

/** Waits for `count` notices; limited by the test's timeout. */
export async function toldAtLeast(world: TestKafka, count: number): Promise<Notice[]> {
  for (;;) {
    const notices = await told(world);
    if (notices.length >= count) return notices;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** A file beside this one. */
export const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
