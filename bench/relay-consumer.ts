/**
 * Another process that reads the topic like a projector, and reports when its callback got each event. Clock:
 * CLOCK_MONOTONIC, shared by the machine.
 */
import { freshId, topics } from '@tradecore/events';
import { createKafkaClient } from '@tradecore/messaging';

const [brokers = '', namespace = ''] = process.argv.slice(2);
const kafka = createKafkaClient({ brokers: brokers.split(','), clientId: 'bench-consumer', namespace });
const consumer = kafka.runConsumer({
  group: `bench.${freshId()}`,
  topics: [topics.orderEvents.name],
  positions: async (assigned) => new Map(assigned.map(({ topic, partition, endOffset }) => [`${topic}/${partition}`, endOffset])),
  onBatch: async ({ messages }) => {
    const at = Number(process.hrtime.bigint()) / 1e6;
    process.send?.({ at, ids: messages.map(({ headers }) => String(headers['ce_id'])) });
  },
  onAssigned: () => void process.send?.({ assigned: true }),
});
process.once('SIGTERM', () => {
  void consumer
    .stop()
    .then(() => kafka.close())
    .then(() => process.exit(0));
});
