import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseLost, relayNames, type HaltReason, type Lease, type Outbox, type OutboxEvent } from '@tradecore/event-sourcing';
import { topics } from '@tradecore/events';
import { encode, MessagingError, type KafkaClient, type OutgoingMessage, type TransactionalProducer } from '@tradecore/messaging';
import { heartbeat, logger, tracedBatch } from '@tradecore/telemetry';
import { compare } from './recovery.ts';
import { relayMetrics } from './relay.metrics.ts';
import type { WakeUp } from './wake-up.ts';

/** The relay's dependencies and limits. */
export interface RelayOptions {
  /** Opens a session with the outbox; called again after each error. */
  readonly connect: () => Promise<Outbox>;
  readonly kafka: Pick<KafkaClient, 'openTransactional' | 'committedOffsets'>;
  readonly wakeUp: WakeUp;
  /** Events per batch; 2,000 when absent. */
  readonly maxRows?: number;
  /**
   * Milliseconds after which an idle relay commits its position again, because idle groups expire (Kafka: 7 days); an
   * hour when absent.
   */
  readonly recommitMs?: number;
  /** Milliseconds between two heartbeats; a second when absent. */
  readonly renewMs?: number;
}

export type RelayState =
  | { readonly kind: 'starting' | 'leading' | 'stopped' }
  | { readonly kind: 'standing-by'; readonly behind: string }
  | { readonly kind: 'halted'; readonly reason: HaltReason };

/** Rows per batch: a transaction costs 5 ms of round trips however small, a row 30 us. */
const defaultRows = 2_000;
/** Bytes per batch, which this process holds in memory several times. */
const maxBytes = 4_000_000;
/**
 * Bytes per request: a partition's share is one record batch, which a broker accepts up to 1 MiB; this stays below it
 * for any partitioning.
 */
const requestBytes = 800_000;
/** Upper estimate of a record's headers. */
const headerBytes = 700;
/** A peek compares each row with those of the previous batch: with many rows that costs more than settling it. */
const peekRows = 100;
const defaultRenewMs = 1_000;
/**
 * How long the lease is kept while the broker acknowledges nothing: the end of an earlier transaction may take 15 s,
 * ours 15 s. Beyond that, a relay that reaches the database but not the broker must give it up.
 */
const patienceMs = 40_000;
const defaultRecommitMs = 60 * 60 * 1000;
const standByMs = 200;
const haltedMs = 1_000;
const maxBackOffMs = 5_000;
const positionPartition = 0;

const log = logger('relay');

/** The records of a batch in requests of bounded size, in order within each topic. */
function inRequests(events: readonly OutboxEvent[]): { topic: string; messages: OutgoingMessage[] }[] {
  const requests: { topic: string; messages: OutgoingMessage[] }[] = [];
  let records = new Map<string, OutgoingMessage[]>();
  let left = 0;
  for (const event of events) {
    const size = Buffer.byteLength(event.dataText) + headerBytes;
    if (size > left) {
      records = new Map();
      left = requestBytes;
    }
    left -= size;
    const messages = records.get(event.topic) ?? [];
    if (messages.length === 0) {
      records.set(event.topic, messages);
      requests.push({ topic: event.topic, messages });
    }
    messages.push(encode(event, event.key));
  }
  return requests;
}

/** The state of one leadership: from taking the lease to losing it. */
interface Lead {
  readonly outbox: Outbox;
  readonly lease: Lease;
  readonly producer: TransactionalProducer;
}

/** How far a leadership has come. */
interface Progress {
  /** The last batch recorded. */
  number: bigint;
  /** Rows of that batch that may still be in the outbox although the broker has acknowledged them. */
  unsettled: number;
  renewedAt: number;
  committedAt: number;
}

/**
 * Publishes the outbox, each event once, in version order within an aggregate. One loop: (1) one statement settles the
 * last batch and records the next; (2) one Kafka transaction sends its records and its number; (1) runs again only
 * after (2) is acknowledged. Start, fencing and every error take the same path: drop the producer, take the lease, open
 * a new producer, compare.
 */
export class Relay {
  readonly #attempt = heartbeat('relay');
  #state: RelayState = { kind: 'starting' };
  #stopping = new AbortController();
  #done: Promise<void> | undefined;
  #backOffMs = 0;
  #fence: bigint | undefined;
  /** When the broker last acknowledged a batch, or the lease was last taken over. */
  #progressAt = 0;
  readonly #renewMs: number;
  readonly #rows: number;

  constructor(private readonly options: RelayOptions) {
    this.#renewMs = options.renewMs ?? defaultRenewMs;
    this.#rows = options.maxRows ?? defaultRows;
  }

  get state(): RelayState {
    return this.#state;
  }

  /** Starts the loop in the background; only `stop` ends it. */
  start(): void {
    this.#done ??= this.#run();
  }

  /** Finishes the batch in flight, releases the lease, and ends. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.options.wakeUp.notify();
    await this.#done;
  }

  async #run(): Promise<void> {
    relayMetrics.starts.inc({ reason: 'start' });
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#serve();
      } catch (error) {
        this.#explain(error);
        this.#become({ kind: 'starting' });
        this.#backOffMs = Math.min(Math.max(50, this.#backOffMs * 2), maxBackOffMs);
        await this.#pause(this.#backOffMs * (0.5 + Math.random() / 2));
      }
    }
    this.#become({ kind: 'stopped' });
  }

  /** One session, from connect to end. */
  async #serve(): Promise<void> {
    const outbox = await this.#attempt(this.options.connect);
    try {
      const lease = await this.#standBy(outbox);
      if (!lease) return;
      await this.#lead(outbox, lease);
      if (this.#stopping.signal.aborted) await outbox.releaseLease(lease);
    } finally {
      relayMetrics.owner.set(0);
      await outbox.close();
    }
  }

  /** Waits for the lease; undefined when stopping. */
  async #standBy(outbox: Outbox): Promise<Lease | undefined> {
    while (!this.#stopping.signal.aborted) {
      const answer = await this.#attempt(() => outbox.takeLease());
      if (answer.state === 'taken') return answer.lease;
      if (answer.state === 'halted') this.#become({ kind: 'halted', reason: answer.reason });
      else this.#become({ kind: 'standing-by', behind: answer.owner });
      await this.#pause(answer.state === 'halted' ? haltedMs : standByMs * (0.75 + Math.random() / 2));
    }
    return undefined;
  }

  /**
   * Under the lease: opens a producer, which fences older ones and resolves what they left open; compares; runs the
   * loop.
   */
  async #lead(outbox: Outbox, lease: Lease): Promise<void> {
    const { transactionalId } = relayNames(lease.storeId);
    const isTakenAgain = this.#fence !== undefined && lease.fence === this.#fence + 1n;
    if (!isTakenAgain) this.#progressAt = performance.now();
    this.#fence = lease.fence;
    const open = () => this.options.kafka.openTransactional({ transactionalId, writer: 'relay' });
    const producer = await this.#attempt(() => this.#keepingLease(outbox, lease, open()));
    try {
      const lead = { outbox, lease, producer };
      const progress = await this.#attempt(() => this.#recover(lead));
      if (!progress) return;
      this.#become({ kind: 'leading' });
      await this.#publish(lead, progress);
    } finally {
      await producer.discard();
    }
  }

  /** The batch to continue from; undefined when halted. */
  async #recover(lead: Lead): Promise<Progress | undefined> {
    const { outbox, lease } = lead;
    const asked = this.options.kafka.committedOffsets(relayNames(lease.storeId).group, topics.relayPosition.name);
    const committed = await this.#keepingLease(outbox, lease, asked);
    const position = committed.get(positionPartition);
    const batch = await outbox.currentBatch(lease);
    const verdict = compare(batch, position);
    if (verdict.kind === 'halt') {
      const reason = {
        why: verdict.why,
        batch: String(batch.number),
        position: position === undefined ? null : String(position),
      };
      await outbox.halt(lease, reason, verdict.closesStore);
      return undefined;
    }
    const movedFrom = await outbox.noteServer();
    if (movedFrom !== undefined) {
      log.error(
        { movedFrom },
        'the store is on a different server or timeline than before: events not yet published there are lost',
      );
    }
    if (verdict.kind === 'first-start') await this.#send(lead, [], 0n);
    if (verdict.kind === 'resend') {
      log.warn(
        { batch: String(batch.number), events: batch.events.length },
        'the last batch was not published: sending it again',
      );
      relayMetrics.resent.inc();
      await this.#send(lead, batch.events, batch.number);
    }
    await outbox.renewLease(lease);
    const now = performance.now();
    return { number: batch.number, unsettled: batch.settled ? 0 : batch.events.length, renewedAt: now, committedAt: now };
  }

  /** The loop, until it is stopped or fails. */
  async #publish(lead: Lead, progress: Progress): Promise<void> {
    const { wakeUp } = this.options;
    wakeUp.busy();
    while (!this.#stopping.signal.aborted) {
      const published = await this.#attempt(() => this.#round(lead, progress));
      if (published.length > 0) wakeUp.busy();
      // A listening relay was told of whatever it left; only a large batch may have left what it was told of before.
      if (published.length === 0 || (wakeUp.isListening && this.#isSmall(published)))
        await this.#attempt(() => wakeUp.idle(lead.outbox));
    }
  }

  /** Far from the limits of a batch, which are rows and bytes. */
  #isSmall(events: readonly OutboxEvent[]): boolean {
    if (events.length >= Math.min(this.#rows, peekRows)) return false;
    return events.reduce((characters, { dataText }) => characters + dataText.length, 0) < maxBytes / 4;
  }

  /** (1), then (2). Returns the events that it published. */
  async #round(lead: Lead, progress: Progress): Promise<readonly OutboxEvent[]> {
    const events = await this.#take(lead, progress);
    if (events.length > 0) {
      progress.number += 1n;
      progress.unsettled = events.length;
    } else if (performance.now() - progress.committedAt < (this.options.recommitMs ?? defaultRecommitMs)) return [];
    await this.#send(lead, events, progress.number);
    progress.committedAt = performance.now();
    return events;
  }

  /**
   * Statement (1); only a peek while the heartbeat is recent: a small batch is settled with the next batch or
   * heartbeat.
   */
  async #take({ outbox, lease }: Lead, progress: Progress): Promise<OutboxEvent[]> {
    const now = performance.now();
    const peek = progress.unsettled <= peekRows && now - progress.renewedAt < this.#renewMs;
    const events = await outbox.nextBatch(lease, progress.number, {
      rows: this.#rows,
      bytes: maxBytes,
      peek,
    });
    if (!peek) {
      if (events.length === 0) progress.unsettled = 0;
      progress.renewedAt = now;
      this.#backOffMs = 0;
    }
    if (events.length > 0) relayMetrics.take.observe((performance.now() - now) / 1000);
    return events;
  }

  /** Step (2): records and position, together or not at all. */
  async #send({ outbox, lease, producer }: Lead, events: readonly OutboxEvent[], number: bigint): Promise<void> {
    const end = relayMetrics.send.startTimer();
    const send = () =>
      producer.send({
        batches: inRequests(events),
        group: relayNames(lease.storeId).group,
        positionTopic: topics.relayPosition.name,
        partition: positionPartition,
        offset: number,
      });
    const traceparents = events.map(({ metadata }) => metadata.traceparent);
    const sending = tracedBatch('outbox-relay batch', traceparents, send, { events: events.length });
    await this.#keepingLease(outbox, lease, sending);
    this.#progressAt = performance.now();
    end();
    if (events.length > 0) relayMetrics.batches.inc();
    relayMetrics.events.inc(events.length);
  }

  /**
   * Renews the lease while waiting for the broker: otherwise, if a transaction outlasts the lease, relays take turns
   * and none finishes.
   */
  async #keepingLease<T>(outbox: Outbox, lease: Lease, answer: Promise<T>): Promise<T> {
    let renewal: Promise<void> | undefined;
    const timer = setInterval(() => {
      if (performance.now() - this.#progressAt > patienceMs) return;
      renewal ??= outbox.renewLease(lease).then(() => void (renewal = undefined));
      renewal.catch(() => undefined); // rethrown below, after the answer
    }, this.#renewMs);
    try {
      return await answer;
    } finally {
      clearInterval(timer);
      await renewal;
    }
  }

  #become(state: RelayState): void {
    if (state.kind !== this.#state.kind) {
      const { reason } = { reason: undefined, ...state };
      if (reason) log.error({ ...reason }, 'halted: waiting for an operator');
      else log.info({ ...state }, `the relay is ${state.kind}`);
    }
    this.#state = state;
    relayMetrics.owner.set(state.kind === 'leading' ? 1 : 0);
    relayMetrics.halted.set(state.kind === 'halted' ? 1 : 0);
  }

  /** Logs why the loop restarts; being replaced by another relay is not an error. */
  #explain(error: unknown): void {
    const fenced = error instanceof MessagingError && error.fault === 'fenced';
    const reason = fenced ? 'fenced' : error instanceof LeaseLost ? 'lease-lost' : 'error';
    if (fenced) relayMetrics.fenced.inc();
    relayMetrics.starts.inc({ reason });
    if (reason === 'error') log.error({ err: error }, 'the relay starts over');
    else log.warn({ reason }, 'another relay has taken over');
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}
