import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { topics } from '@tradecore/events';
import {
  decode,
  partitionKey,
  Undecodable,
  type AssignedPartition,
  type Batch,
  type KafkaClient,
  type DeadLetterNote,
  type IncomingMessage,
  type OutgoingMessage,
  type RunningConsumer,
  type TopicPartition,
  type TransactionalProducer,
} from '@tradecore/messaging';
import { Health, tokens, type CheckResult } from '@tradecore/service';
import { counter, heartbeat, logger } from '@tradecore/telemetry';
import { noticeKinds, noticeOf, type Notice } from './notices.ts';

const group = 'notifier';
/** One source topic for each kind of notice, so that no notice is written twice by two of them. */
const sources = [topics.orderEvents.name, topics.accountEvents.name, topics.controlEvents.name];
/** Notices in one produce request: well below the 1 MiB that a partition's share may have. */
const requestSize = 500;

const log = logger('notifier');
const notices = counter({ name: 'notices_total', help: 'Notices written, by kind.', labels: { kind: noticeKinds } });
const restarts = counter({
  name: 'notifier_producers_total',
  help: 'Producers opened: one for each partition at each assignment, and after each error.',
});

/**
 * Writes each notice in one Kafka transaction with the offset of the event that caused it. Each source partition has a producer under its own
 * transactional id: whoever is assigned the partition opens it, which ends what an earlier owner left and shuts it out, and only then reads how
 * far the partition is. After any error the same begins again. A partition that was never read begins at the start of the log.
 */
@Injectable()
export class Notifier implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #attempt = heartbeat('notifier');
  readonly #producers = new Map<string, TransactionalProducer>();
  #consumer: RunningConsumer | undefined;

  constructor(
    @Inject(tokens.kafka) private readonly kafka: KafkaClient,
    @Inject(Health) private readonly health: Health,
  ) {}

  onApplicationBootstrap(): void {
    this.#consumer = this.kafka.runConsumer({
      group,
      topics: sources,
      hints: false, // the offset is committed with the notices and by nothing else: a hint that comes late would set it back
      positions: (assigned) => this.#attempt(() => this.#takeOver(assigned)),
      onBatch: (batch) => this.#attempt(() => this.#write(batch)),
      onRevoked: (revoked) => void this.#drop(revoked),
    });
    this.health.add({ name: 'consumer', check: () => this.#check() });
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#consumer?.stop();
    await Promise.all([...this.#producers.values()].map((each) => each.discard()));
  }

  /** Shuts earlier owners out of these partitions, then reads where they go on. */
  async #takeOver(assigned: readonly AssignedPartition[]): Promise<ReadonlyMap<string, bigint>> {
    await this.#drop(assigned);
    const opened = await Promise.allSettled(assigned.map((each) => this.#open(each)));
    for (const each of opened) if (each.status === 'rejected') throw each.reason;
    const byTopic = Map.groupBy(assigned, ({ topic }) => topic);
    const positions = await Promise.all([...byTopic].map(([topic, partitions]) => this.#positionsOf(topic, partitions)));
    return new Map(positions.flat());
  }

  async #open(partition: TopicPartition): Promise<void> {
    const { topic, partition: number } = partition;
    const producer = await this.kafka.openTransactional({ transactionalId: `${group}.${topic}.${number}` });
    restarts.inc();
    this.#producers.set(partitionKey(partition), producer);
  }

  async #drop(partitions: readonly TopicPartition[]): Promise<void> {
    const dropped = partitions.map(partitionKey).flatMap((key) => {
      const producer = this.#producers.get(key);
      this.#producers.delete(key);
      return producer ?? [];
    });
    await Promise.all(dropped.map((each) => each.discard()));
  }

  /** Throws for a position beyond the end: it belongs to another log, and going on would write every notice again. */
  async #positionsOf(topic: string, partitions: readonly AssignedPartition[]): Promise<[string, bigint][]> {
    const committed = await this.kafka.committedOffsets(group, topic);
    const ends = await this.kafka.endOffsets(topic); // again: what was measured before an earlier owner's last batch lies below its position
    return partitions.map((each): [string, bigint] => {
      const position = committed.get(each.partition) ?? each.startOffset;
      const end = ends.get(each.partition) ?? each.endOffset;
      if (position > end) throw new Error(`${partitionKey(each)} ends at ${end}, it was read up to ${position}: another log`);
      if (position < each.startOffset)
        log.error({ ...each, position }, 'events were deleted from the topic before their notices were written');
      return [partitionKey(each), position < each.startOffset ? each.startOffset : position];
    });
  }

  async #write(batch: Batch): Promise<void> {
    const producer = this.#producers.get(partitionKey(batch));
    if (!producer) throw new Error(`${partitionKey(batch)} was taken away`);
    const written: Notice[] = [];
    for (const message of batch.messages) {
      const notice = await this.#noticeOf(message);
      if (notice) written.push(notice);
    }
    const { topic: positionTopic, partition, nextOffset: offset } = batch;
    await producer.send({ batches: inRequests(written), group, positionTopic, partition, offset });
    for (const { kind } of written) notices.inc({ kind });
  }

  /** A record that is no event of ours, or of which no notice can be made, is a dead letter; the others go on. */
  async #noticeOf(message: IncomingMessage): Promise<Notice | undefined> {
    const event = decode(message);
    if (event instanceof Undecodable) {
      return this.#deadLetter(message, { reason: 'undecodable', detail: `${event.reason}: ${event.detail}` });
    }
    try {
      return noticeOf(event);
    } catch (error) {
      return this.#deadLetter(message, { reason: 'handler-failed', error });
    }
  }

  async #deadLetter(message: IncomingMessage, note: Omit<DeadLetterNote, 'group' | 'attempts'>): Promise<undefined> {
    await this.kafka.deadLetter(message, { group, attempts: 1, ...note });
    return undefined;
  }

  #check(): CheckResult {
    const status = this.#consumer?.status();
    const partitions = status?.assignment.length ?? 0;
    const state = `${status?.state ?? 'not started'}, ${partitions} partitions, ${this.#producers.size} producers`;
    return { ok: status?.state === 'joined' && this.#producers.size >= partitions, state };
  }
}

function inRequests(written: readonly Notice[]): { topic: string; messages: OutgoingMessage[] }[] {
  const messages = written.map(messageOf);
  return Array.from({ length: Math.ceil(messages.length / requestSize) }, (_, n) => ({
    topic: topics.userNotifications.name,
    messages: messages.slice(n * requestSize, (n + 1) * requestSize),
  }));
}

/** CloudEvents 1.0, Kafka protocol binding, binary mode, as the stored events have it. */
function messageOf(notice: Notice): OutgoingMessage {
  const headers = {
    'content-type': 'application/json',
    ce_specversion: '1.0',
    ce_id: notice.id,
    ce_type: notice.kind,
    ce_source: '/tradecore/notifier',
    ce_subject: notice.accountId,
    ce_time: notice.time,
    ce_account: notice.accountId,
    ce_causationid: notice.causedBy,
  };
  return { key: notice.accountId, value: JSON.stringify(notice), headers };
}
