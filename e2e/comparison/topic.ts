import { spawnSync } from 'node:child_process';
import type { TopicRecord as Seen } from '@tradecore/checks';
import { createKafkaClient } from '@tradecore/messaging';
import { setting } from '../world.ts';

/** A record of a topic as a `read_committed` reader sees it. */
export interface TopicRecord extends Seen {
  readonly version: number;
  /** W3C trace context of the request that caused the event; empty if there was no trace. */
  readonly traceparent: string;
}

/** The whole topic: read by kcat, an independent reader, if installed; else by our own client. */
export async function readTopic(namespace: string, topic: string): Promise<TopicRecord[]> {
  return hasKcat() ? readWithKcat(namespace, topic) : readWithClient(namespace, topic);
}

const hasKcat = (): boolean => spawnSync('kcat', ['-V'], { stdio: 'ignore' }).status === 0;

interface KcatRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
}

function readWithKcat(namespace: string, topic: string): TopicRecord[] {
  const args = ['-C', '-b', setting('KAFKA_BROKERS'), '-t', `${namespace}.${topic}`, '-o', 'beginning', '-e', '-q', '-J'];
  const committed = ['-X', 'isolation.level=read_committed'];
  const { stdout, stderr, status } = spawnSync('kcat', [...args, ...committed], { encoding: 'utf8', maxBuffer: 1 << 30 });
  if (status !== 0) throw new Error(`kcat: ${stderr}`);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const { partition, offset, key, headers } = JSON.parse(line) as KcatRecord;
      const header = (name: string) => headers[headers.indexOf(name) + 1] ?? '';
      const [id, version, traceparent] = [header('ce_id'), Number(header('ce_aggregateversion')), header('traceparent')];
      return { topic, partition, offset: BigInt(offset), key, id, version, traceparent };
    });
}

async function readWithClient(namespace: string, topic: string): Promise<TopicRecord[]> {
  const kafka = createKafkaClient({ brokers: setting('KAFKA_BROKERS').split(','), clientId: 'e2e', namespace });
  const records: TopicRecord[] = [];
  await kafka.readTopic(topic, (some) => {
    for (const { partition, key, offset, headers } of some) {
      const [id, version] = [String(headers['ce_id']), Number(String(headers['ce_aggregateversion']))];
      const traceparent = String(headers['traceparent'] ?? '');
      records.push({ topic, partition, offset, key: String(key), id, version, traceparent });
    }
  });
  await kafka.close();
  return records;
}
