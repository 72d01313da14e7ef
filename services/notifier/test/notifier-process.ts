/**
 * The notifier in a process of its own that can be killed at an exact point. FAILPOINT=<point>:<nth> sends SIGKILL to itself when it comes to
 * the point for the nth time; points are laid around the producer from outside, so that nothing of it is in the service.
 */
import { createKafkaClient, type KafkaClient, type TransactionContents } from '@tradecore/messaging';
import { Health } from '@tradecore/service';
import { Notifier } from '../src/notifier.ts';

const env = process.env as Record<string, string>;
const [point = '', nth = '1'] = (env['FAILPOINT'] ?? '').split(':');
let left = Number(nth);

/** Dies here when it is time. */
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
      setTimeout(() => reached('in-send'), 4); // begun, and not yet answered: written in part, or committed and not known
      await send(contents);
      reached('after-send');
    };
    return producer;
  },
});

new Notifier(failing, new Health()).onApplicationBootstrap();
