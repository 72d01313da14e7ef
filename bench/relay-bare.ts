/**
 * The baseline: kafkajs as published, without patches: only transactions of prepared records, with an offset in each.
 * In a separate process, because our patches change kafkajs for the whole process.
 */
import { readFileSync } from 'node:fs';
import kafkajs from 'kafkajs';

interface Sample {
  readonly key: string;
  readonly value: string;
  readonly headers: Record<string, string>;
}

const [brokers = '', topic = '', file = '', count = '0', size = '1'] = process.argv.slice(2);
const sample = JSON.parse(readFileSync(file, 'utf8')) as Sample[];
const messages = Array.from({ length: Number(size) }, (_, index) => sample[index % sample.length] as Sample);
const kafka = new kafkajs.Kafka({ brokers: brokers.split(','), clientId: 'bench-bare', logLevel: kafkajs.logLevel.NOTHING });
const producer = kafka.producer({
  transactionalId: `bench-bare-${process.pid}`,
  idempotent: true,
  maxInFlightRequests: 1,
  createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  retry: { initialRetryTime: 5, multiplier: 1.5, retries: 50 },
});
await producer.connect();
let offset = 0;
const send = async (): Promise<void> => {
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages });
  await transaction.sendOffsets({
    consumerGroupId: 'bench-bare',
    topics: [{ topic, partitions: [{ partition: 0, offset: String((offset += 1)) }] }],
  });
  await transaction.commit();
};
for (let n = 0; n < 5; n += 1) await send();
const batches = Math.ceil(Number(count) / Number(size));
const start = performance.now();
for (let n = 0; n < batches; n += 1) await send();
process.send?.({ rate: (batches * Number(size) * 1000) / (performance.now() - start) });
await producer.disconnect();
