import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { topics } from '@tradecore/events';
import {
  decode,
  markOf,
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
import { counter, gauge, heartbeat, logger, tracedBatch } from '@tradecore/telemetry';
import { noticeKinds, noticeOf, type Notice } from '@tradecore/trading';
import { begin, group, positionIn, PositionLost, sources } from './positions.ts';

/** Notices per produce request: well below the limit of 1 MiB per partition. */
const requestSize = 500;

const log = logger('notifier');
const notices = counter({ name: 'tradecore_notices_total', help: 'Notices written, by kind.', labels: { kind: noticeKinds } });
const restarts = counter({
  name: 'tradecore_notifier_producers_total',
  help: 'Producers opened: one per partition at each assignment and after each error.',
});

const halted = gauge({ name: 'tradecore_notifier_halted', help: '1 while the notifier is halted and waits for an operator.' });

/**
 * Writes each notice in one Kafka transaction with the offset of the event that caused it. Each source partition has a
 * producer with its own transactional id. The process that is assigned the partition opens it, which ends an earlier
 * owner's transaction and fences it, and only then reads the position. It starts again after any error, and halts when
 * a position is lost.
 */
@Injectable()
export class Notifier implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #attempt = heartbeat('notifier');
  readonly #producers = new Map<string, TransactionalProducer>();
  /** By partition: its topic's id when the position was read. */
  readonly #topicIds = new Map<string, string | undefined>();
  #consumer: RunningConsumer | undefined;
  /** Aborted when partitions are revoked: a producer that opens afterwards is discarded. */
  #assignment = new AbortController();
  #haltedFor: string | undefined;

  constructor(
    @Inject(tokens.kafka) private readonly kafka: KafkaClient,
    @Inject(Health) private readonly health: Health,
  ) {}

  onApplicationBootstrap(): void {
    this.#consumer = this.kafka.runConsumer({
      group,
      topics: sources,
      hints: false, // only the notices' transaction commits the offset: a late hint would set it back
      positions: (assigned) => this.#attempt(() => this.#takeOver(assigned)),
      onBatch: (batch) => this.#attempt(() => this.#write(batch)),
      onRevoked: (revoked) => this.#revoked(revoked),
    });
    this.health.add({ name: 'consumer', check: () => this.#check() });
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#consumer?.stop();
    await Promise.all([...this.#producers.values()].map((each) => each.discard()));
  }

  #revoked(revoked: readonly TopicPartition[]): void {
    this.#assignment.abort();
    this.#assignment = new AbortController();
    void this.#drop(revoked);
  }

  /** Fences earlier owners of these partitions, then reads the positions. */
  async #takeOver(assigned: readonly AssignedPartition[]): Promise<ReadonlyMap<string, bigint>> {
    const { signal } = this.#assignment;
    await this.#drop(assigned);
    await begin(this.kafka);
    const opened = await Promise.allSettled(assigned.map((each) => this.#open(each, signal)));
    for (const each of opened) if (each.status === 'rejected') throw each.reason;
    const ids = await this.kafka.topicIds(sources);
    for (const each of assigned) this.#topicIds.set(partitionKey(each), ids.get(each.topic));
    const byTopic = Map.groupBy(assigned, ({ topic }) => topic);
    try {
      const positions = await Promise.all([...byTopic].map(([topic, partitions]) => this.#positionsOf(topic, partitions, ids)));
      this.#halt(undefined);
      return new Map(positions.flat());
    } catch (error) {
      if (error instanceof PositionLost) this.#halt(error.message);
      throw error;
    }
  }

  /** It checks again every few seconds and continues once the positions are there. */
  #halt(why: string | undefined): void {
    if (why !== undefined && why !== this.#haltedFor) log.error({ why }, 'halted: waiting for an operator');
    this.#haltedFor = why;
    halted.set(why === undefined ? 0 : 1);
  }

  async #open(partition: TopicPartition, assignment: AbortSignal): Promise<void> {
    const { topic, partition: number } = partition;
    const key = partitionKey(partition);
    const producer = await this.kafka.openTransactional({ transactionalId: `${group}.${topic}.${number}` });
    restarts.inc();
    if (assignment.aborted) {
      await producer.discard();
      throw new Error(`${key} was revoked while its producer opened`);
    }
    const other = this.#producers.get(key);
    this.#producers.set(key, producer);
    await other?.discard();
  }

  async #drop(partitions: readonly TopicPartition[]): Promise<void> {
    const dropped = partitions.map(partitionKey).flatMap((key) => {
      const producer = this.#producers.get(key);
      this.#producers.delete(key);
      return producer ?? [];
    });
    await Promise.all(dropped.map((each) => each.discard()));
  }

  /** Throws `PositionLost`. `ids` were read before: a topic recreated since then has another id. */
  async #positionsOf(
    topic: string,
    partitions: readonly AssignedPartition[],
    ids: ReadonlyMap<string, string>,
  ): Promise<[string, bigint][]> {
    const committed = await this.kafka.committedOffsets(group, topic);
    const marks = [...(await this.kafka.committedMarks(group, topic))];
    const marked = new Map(marks.map(([partition, mark]) => [partitionKey({ topic, partition }), mark]));
    const [other] = await this.kafka.otherLogs(partitions, marked, ids);
    if (other !== undefined) throw new PositionLost(`${other} is not the log that was read: its topic was recreated`);
    // Read again: earlier ends may lie below the position after an earlier owner's last batch.
    const ends = await this.kafka.ends(partitions);
    return ends.map((each) => [partitionKey(each), positionIn(each, committed.get(each.partition))]);
  }

  async #write(batch: Batch): Promise<void> {
    const producer = this.#producers.get(partitionKey(batch));
    if (!producer) throw new Error(`${partitionKey(batch)} was revoked`);
    const written: Traced[] = [];
    for (const message of batch.messages) {
      const notice = await this.#noticeOf(message);
      if (notice) written.push(notice);
    }
    const { topic: positionTopic, partition, nextOffset: offset } = batch;
    const mark = markOf(this.#topicIds.get(partitionKey(batch)), batch.messages.at(-1));
    const send = () => producer.send({ batches: inRequests(written), group, positionTopic, partition, offset, mark });
    const traceparents = written.map(({ traceparent }) => traceparent);
    await tracedBatch('notifier batch', traceparents, send, { notices: written.length });
    for (const { notice } of written) notices.inc({ kind: notice.kind });
  }

  /**
   * A record that is not an event of ours, or whose notice cannot be made, becomes a dead letter; the others continue.
   */
  async #noticeOf(message: IncomingMessage): Promise<Traced | undefined> {
    const event = decode(message);
    if (event instanceof Undecodable) {
      return this.#deadLetter(message, { reason: 'undecodable', detail: `${event.reason}: ${event.detail}` });
    }
    try {
      const notice = noticeOf(event);
      return notice && { notice, traceparent: event.metadata.traceparent };
    } catch (error) {
      return this.#deadLetter(message, { reason: 'handler-failed', error });
    }
  }

  async #deadLetter(message: IncomingMessage, note: Omit<DeadLetterNote, 'group' | 'attempts'>): Promise<undefined> {
    await this.kafka.deadLetter(message, { group, attempts: 1, ...note });
    return undefined;
  }

  #check(): CheckResult {
    if (this.#haltedFor !== undefined) return { ok: false, state: `halted, an operator must decide: ${this.#haltedFor}` };
    const status = this.#consumer?.status();
    const partitions = status?.assignment.length ?? 0;
    const state = `${status?.state ?? 'not started'}, ${partitions} partitions, ${this.#producers.size} producers`;
    return { ok: status?.state === 'joined' && this.#producers.size >= partitions, state };
  }
}

/** A notice, and the trace of the event that it tells of. */
interface Traced {
  readonly notice: Notice;
  readonly traceparent: string | undefined;
}

function inRequests(written: readonly Traced[]): { topic: string; messages: OutgoingMessage[] }[] {
  const messages = written.map(messageOf);
  return Array.from({ length: Math.ceil(messages.length / requestSize) }, (_, n) => ({
    topic: topics.userNotifications.name,
    messages: messages.slice(n * requestSize, (n + 1) * requestSize),
  }));
}

/** CloudEvents 1.0, Kafka protocol binding, binary mode, as for stored events. */
function messageOf({ notice, traceparent }: Traced): OutgoingMessage {
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
    ...(traceparent !== undefined && { traceparent }),
  };
  return { key: notice.accountId, value: JSON.stringify(notice), headers };
}
