import type { RecordedEvent } from '@tradecore/events';
import { runningRelease } from '@tradecore/telemetry';
import type { BatchProcessor, EventRecord, RecordBatch } from '../offsets/batch-processor.ts';
import type { Log, UnusableOffset } from '../offsets/offsets.ts';
import { schemaOf } from '../offsets/schema.ts';
import { begin, type ConsumerParts } from './begin.ts';
import { consumerMetrics, type MessageParkReason, type RecordOutcome } from './consumer-metrics.ts';
import { tellParked, type Pair, type ParkedMessage } from './parked-messages.ts';
import { redriveMessages, type RedriveAround } from './redrive-messages.ts';

/** The dependencies of a process or an intake. */
export interface DecidingParts extends ConsumerParts {
  /** Name of the service: of the consumer group and (`-` as `_`) of the schema. */
  readonly name: string;
  /** The topics that it hears. */
  readonly topics: readonly string[];
}

/** The result of a transaction. Counted when it is committed. */
export interface Result {
  readonly outcomes: RecordOutcome[];
  readonly messages: ParkedMessage[];
  readonly reasons: MessageParkReason[];
}

/** What a process and an intake share: how they begin, retry what is parked, and count. */
export abstract class DecidingBatches<P extends DecidingParts> implements BatchProcessor {
  readonly name: string;
  readonly topics: readonly string[];
  readonly schema: string;
  readonly release: string;
  readonly state = 'consumer';
  abstract readonly maxRecords: number;
  protected readonly metrics;

  constructor(readonly parts: P) {
    this.name = parts.name;
    this.topics = parts.topics;
    this.schema = schemaOf(parts.name);
    this.release = parts.release ?? runningRelease;
    this.metrics = consumerMetrics(parts.name);
  }

  abstract idsOf(event: RecordedEvent): readonly string[] | undefined;
  abstract handle(batch: RecordBatch): Promise<void>;

  /** Handles a parked message again; see `RedriveParts`. */
  protected abstract again(pair: Pair, event: RecordedEvent | undefined, around: RedriveAround): Promise<void>;

  /** Handles stored events; see `Beginning`. */
  protected abstract replay(events: readonly RecordedEvent[]): Promise<void>;

  /** Retries what operators marked, and what older releases parked. */
  poll(): Promise<void> {
    const { parts, schema, release } = this;
    return redriveMessages({
      ...parts,
      schema,
      release,
      handle: (pair, event, around) => this.again(pair, event, around),
    });
  }

  build(unusable: UnusableOffset, log: Log): Promise<boolean> {
    return begin(unusable, log, { ...this.parts, schema: this.schema, replay: (events) => this.replay(events) });
  }

  protected count({ outcomes, reasons, messages }: Result): void {
    for (const outcome of outcomes) this.metrics.record(outcome, 1);
    for (const reason of reasons) this.metrics.parked(reason);
    tellParked(this.name, messages);
  }

  protected measure(records: readonly EventRecord[], started: number): void {
    this.metrics.batch((performance.now() - started) / 1000);
    const newest = records.at(-1)?.event.time;
    if (newest !== undefined) this.metrics.reaction(Math.max(0, (Date.now() - Date.parse(newest)) / 1000));
  }
}
