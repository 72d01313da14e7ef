import type { Catalogue } from '@tradecore/events';
import type { PostgresEventStore, Transaction } from '@tradecore/event-sourcing';
import type { KafkaClient } from '@tradecore/messaging';
import { logger } from '@tradecore/telemetry';
import type { DataSource } from 'typeorm';
import { AggregateCache } from './aggregate-cache.ts';
import { consumerMetrics, type ConsumerMetrics } from './consumer-metrics.ts';
import { DecisionRun, parkAll, itemOf, nothingRun, type Decider, type RunResult, type Task } from './decision-run.ts';
import { ConsumerHalted } from '../offsets/errors.ts';
import { parkedReason } from '../offsets/errors.ts';
import { pairsToRedrive, redriveUnknown } from './parked-messages.ts';
import { Offsets, type Unusable } from '../offsets/offsets.ts';
import { inTransaction, savepoint } from '../offsets/transaction.ts';
import { redrivePair, type Deadlines } from './redrive-pair.ts';
import { schemaOf } from '../offsets/schema.ts';
import type { EventRecord, Handled, BatchProcessor } from '../offsets/subscription.ts';

/** What a consumer that decides needs. */
export interface DecidingParts {
  readonly dataSource: DataSource;
  readonly store: PostgresEventStore;
  readonly catalogue: Catalogue;
  readonly kafka: KafkaClient;
}

const log = logger('consumers');

/**
 * BatchProcessor that decides: one transaction a batch. Offset; all aggregates asked locked and loaded; what is handled already skipped, what is held left to
 * wait; decisions made and stored in one append; rows beside them; commit. See docs/exactly-once.md.
 */
export class DecidingBatches implements BatchProcessor {
  readonly name: string;
  readonly topics: readonly string[];
  readonly schema: string;
  readonly state = 'consumer';
  readonly cache = new AggregateCache();
  private readonly metrics: ConsumerMetrics;
  private readonly running: DecisionRun;

  constructor(
    private readonly decider: Decider,
    private readonly parts: DecidingParts,
    private readonly deadlines?: Deadlines,
  ) {
    this.name = decider.name;
    this.topics = decider.topics;
    this.schema = schemaOf(decider.name);
    this.metrics = consumerMetrics(decider.name);
    this.running = new DecisionRun(decider, { ...parts, schema: this.schema });
  }

  /** What the process before could not know is tried again. */
  async open(): Promise<void> {
    await redriveUnknown(this.parts.dataSource, this.schema);
  }

  async handle(tx: Transaction, records: readonly EventRecord[], isolated: boolean): Promise<Handled> {
    const tasks = this.tasksOf(records);
    const results = isolated ? await this.oneByOne(tx, tasks) : [await this.running.run(tx, tasks, { cache: this.cache })];
    const newest = records.at(-1)?.event.time;
    return {
      deadLetters: results.flatMap(({ foreign }) => foreign),
      committed: (seconds) => {
        for (const result of results) this.count(result);
        this.metrics.record('skipped', records.length - tasks.length);
        this.metrics.batch(seconds);
        if (newest !== undefined) this.metrics.lag(Math.max(0, (Date.now() - Date.parse(newest)) / 1000));
      },
    };
  }

  private tasksOf(records: readonly EventRecord[]): Task[] {
    return records.flatMap((record) => {
      const task = this.decider.taskOf(record.event);
      return task ? [{ ...task, record }] : [];
    });
  }

  /** Each behind a savepoint: the one whose value PostgreSQL refuses is parked, its neighbours pass. */
  private async oneByOne(tx: Transaction, tasks: readonly Task[]): Promise<RunResult[]> {
    const results: RunResult[] = [];
    for (const task of tasks) results.push(await this.savely(tx, task));
    return results;
  }

  private savely(tx: Transaction, task: Task): Promise<RunResult> {
    return savepoint(
      tx,
      () => this.running.run(tx, [task]),
      async (error) => {
        const items = [{ ...itemOf(task), reason: parkedReason('row-refused', error) }];
        await parkAll(tx, this.decider, this.schema, items);
        return { ...nothingRun(), outcomes: ['parked'], items, reasons: ['row-refused'] };
      },
    );
  }

  private count({ outcomes, items, reasons, events, committed }: RunResult): void {
    committed();
    for (const outcome of outcomes) this.metrics.record(outcome, 1);
    for (const reason of reasons) this.metrics.parked(reason);
    this.metrics.events(events);
    for (const { reason, ...item } of items) {
      if (reason === undefined) continue;
      log.error(
        { consumer: this.name, ...item, reason },
        'parked: what comes behind it waits; see the view parked, then redrive',
      );
    }
  }

  /** Tries again what operators marked. */
  async poll(): Promise<void> {
    const { dataSource } = this.parts;
    const { running, decider, schema, deadlines } = this;
    for (const pair of await pairsToRedrive(dataSource, schema)) {
      const parts = { ...this.parts, running, decider, schema, deadlines };
      const { committed, ...redriven } = await inTransaction(dataSource, (tx) => redrivePair(tx, pair, parts));
      for (const tell of committed) tell();
      log.info({ consumer: this.name, ...pair, ...redriven }, 'redriven');
    }
    const [row] = (await dataSource.query(
      `select count(*)::int as pairs from ${schema}.parked_messages where reason is not null`,
    )) as {
      pairs: number;
    }[];
    this.metrics.held(row?.pairs ?? 0);
  }

  /**
   * Never from a snapshot: without offsets from the log's start, or, by an operator's word, from what the store holds since some time and then the
   * log's end. Where the log does not hold what was not read, it takes that word.
   */
  async build(why: Unusable, where: string): Promise<boolean> {
    if (why !== 'never-built') throw new ConsumerHalted(haltText(why, this.schema));
    const offsets = new Offsets(this.schema, this.topics, this.state);
    return inTransaction(this.parts.dataSource, async (tx) => {
      const found = await offsets.beginning(tx);
      if (!found) return false;
      // The ends before the store is read: all that the log holds up to here is in it.
      const ends = await this.offsets(found.replayFrom === null ? 'startOffsets' : 'endOffsets');
      if (found.replayFrom !== null) await this.replayStore(found.replayFrom);
      await offsets.begin(tx, ends, where);
      return true;
    });
  }

  private async offsets(which: 'startOffsets' | 'endOffsets'): Promise<Map<string, ReadonlyMap<number, bigint>>> {
    const found = new Map<string, ReadonlyMap<number, bigint>>();
    for (const topic of this.topics) found.set(topic, await this.parts.kafka[which](topic));
    return found;
  }

  /** Each batch in a transaction of its own: what is handled already is known again. */
  private async replayStore(since: string): Promise<void> {
    const { dataSource, store, catalogue } = this.parts;
    const types = Object.values(catalogue).flatMap(({ type, topic }) => (this.topics.includes(topic) ? [type] : []));
    for await (const events of store.readAll({ types, since, batchSize: storeBatch })) {
      const tasks = events.flatMap((event) => this.decider.taskOf(event) ?? []);
      for (const result of await inTransaction(dataSource, (tx) => this.oneByOne(tx, tasks))) this.count(result);
    }
  }
}

/** Events of the store that are heard in one transaction. */
const storeBatch = 100;

const found = {
  'other-log': 'the log is not the one that the offsets count in',
  'below-log': 'the log was cut off before it was read',
  'beyond-log': 'the log ends before the offset',
};

const haltText = (why: keyof typeof found, schema: string): string =>
  `${found[why]}: see docs/runbooks/halted-consumer.md, then select ${schema}.begin_again()`;
