import { setTimeout as delay } from 'node:timers/promises';
import { logger } from '@tradecore/telemetry';
import type { Client } from '../wire/client.ts';
import type { AssignedPartition, ConsumerOptions, ConsumerStatus, RunningConsumer } from './consumer.ts';
import { MessagingError } from '../errors.ts';
import { GroupMember } from './group-member.ts';
import { Lag } from './lag.ts';
import type { TopicPartition } from '../message.ts';
import { batchFailuresTotal, consumedTotal, consumerRestartsTotal, groupLabel, rebalancesTotal } from '../metrics.ts';
import type { Names } from '../names.ts';

const log = logger('consumer');

/**
 * The wait before a dead consumer is replaced: 200 ms, doubled up to 5 s; 200 ms again after a consumer that ran for a
 * minute.
 */
const restart = { firstMs: 200, maxMs: 5_000, healthyAfterMs: 60_000 };

/** What the supervisor needs from the broker. */
export interface SupervisorContext {
  readonly newClient: () => Client;
  readonly names: Names;
  readonly ends: (partitions: readonly TopicPartition[]) => Promise<AssignedPartition[]>;
}

/**
 * Keeps one consumer alive. kafkajs restarts itself after some errors and stays dead after others (a TypeError in it or
 * in a handler, a lost coordinator, a lock timeout), which only its event listener learns. Here a new consumer follows
 * every death, with back-off.
 */
export class SupervisedConsumer implements RunningConsumer {
  #member: GroupMember | undefined;
  #state: ConsumerStatus['state'] = 'starting';
  #restarts = 0;
  #lastError: string | undefined;
  /** The group's label in metrics. */
  readonly #label: string;
  readonly #lag: Lag;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  constructor(
    private readonly context: SupervisorContext,
    private readonly options: ConsumerOptions,
  ) {
    const group = (this.#label = groupLabel(options.group));
    rebalancesTotal.inc({ group }, 0);
    batchFailuresTotal.inc({ group }, 0);
    for (const topic of options.topics) consumedTotal.inc({ group, topic }, 0);
    consumerRestartsTotal.inc({ group }, 0);
    this.#lag = new Lag(group);
    this.#ended = this.#supervise();
  }

  status(): ConsumerStatus {
    const { assignment = [], lastHeartbeatAt = 0 } = this.#member ?? {};
    return { state: this.#state, assignment, lastHeartbeatAt, restarts: this.#restarts, lastError: this.#lastError };
  }

  reposition(partitions?: readonly TopicPartition[]): void {
    this.#member?.reposition(partitions);
  }

  hint(position: TopicPartition & { readonly nextOffset: bigint }): void {
    this.#member?.hint(position);
  }

  async commit(position: TopicPartition & { readonly nextOffset: bigint }): Promise<void> {
    if (!this.#member) throw new MessagingError('closed', `the consumer of ${this.options.group} is not running`);
    await this.#member.commit(position);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #supervise(): Promise<void> {
    const { signal } = this.#stop;
    let wait = restart.firstMs;
    while (!signal.aborted) {
      const bornAt = Date.now();
      const error = await this.#live();
      if (signal.aborted) break;
      this.#state = 'crashed';
      this.#restarts += 1;
      consumerRestartsTotal.inc({ group: this.#label });
      if (Date.now() - bornAt > restart.healthyAfterMs) wait = restart.firstMs;
      log.error({ err: error, group: this.options.group, waitMs: wait }, 'consumer died; starting a new one');
      await delay(wait, undefined, { signal, ref: false }).catch(() => undefined);
      wait = Math.min(wait * 2, restart.maxMs);
    }
    this.#lag.keepOnly([]);
    this.#state = 'stopped';
  }

  /** Runs one member; resolves with the error that ended it, or with undefined when it was stopped. */
  async #live(): Promise<unknown> {
    const { signal } = this.#stop;
    const { newClient, names, ends } = this.context;
    const member = new GroupMember({
      client: newClient(),
      names,
      ends,
      options: this.options,
      label: this.#label,
      lag: this.#lag,
      onState: (state) => void (this.#state = state),
      onError: (error) => void (this.#lastError = error instanceof Error ? error.message : String(error)),
    });
    this.#member = member;
    const stopped = new Promise<undefined>((resolve) =>
      signal.addEventListener('abort', () => resolve(undefined), { once: true }),
    );
    const failedStart = new Promise<unknown>((resolve) => member.start().catch(resolve));
    const error = await Promise.race([member.died, failedStart, stopped]);
    if (error !== undefined) this.#lastError = error instanceof Error ? error.message : String(error);
    await member.stop();
    return error;
  }
}
