/**
 * The notifier in its own process, which can be killed at an exact point. With FAILPOINT=<point>:<nth> it sends itself
 * SIGKILL when it reaches the point for the nth time; the points wrap the producer from outside, so the service has no
 * test code.
 */
import { createKafkaClient, type KafkaClient, type TransactionContents } from '@tradecore/messaging';
import { Health } from '@tradecore/service';
import { Notifier } from '../src/notifier.ts';

const env = process.env as Record<string, string>;
const [point = '', nth = '1'] = (env['FAILPOINT'] ?? '').split(':');
let left = Number(nth);

/** Dies here if the point is due. */
function reached(name: string): void {
  if (name === point && (left -= 1) === 0) process.kill(process.pid, 'SIGKILL');
}

const kafka = createKafkaClient({
  brokers: env['KAFKA_BROKERS']!.split(','),
  clientId: 'notifier-process',
  namespace: env['NAMESPACE']!,
});

const failing: KafkaClient = Object.assign(Object.create(kafka) as KafkaClient, {
  runConsumer: kafka.runConsumer.bind(kafka),
  committedOffsets: kafka.committedOffsets.bind(kafka),
  startOffsets: kafka.startOffsets.bind(kafka),
  committedMarks: kafka.committedMarks.bind(kafka),
  topicIds: kafka.topicIds.bind(kafka),
  otherLogs: kafka.otherLogs.bind(kafka),
  endOffsets: kafka.endOffsets.bind(kafka),
  ends: kafka.ends.bind(kafka),
  openTransactional: async (options: Parameters<KafkaClient['openTransactional']>[0]) => {
    const producer = await kafka.openTransactional(options);
    const send = producer.send.bind(producer);
    producer.send = async (contents: TransactionContents) => {
      if (contents.batches.length === 0) return send(contents);
      reached('before-send');
      setTimeout(() => reached('in-send'), 4); // not answered yet: partly written, or committed
      await send(contents);
      reached('after-send');
    };
    return producer;
  },
});

new Notifier(failing, new Health()).onApplicationBootstrap();
