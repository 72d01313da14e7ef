import type { RecordedEvent } from '@tradecore/events';
import type { BatchProcessor } from '../offsets/batch-processor.ts';
import { Subscription, type SubscriptionParts } from '../offsets/subscription.ts';
import { inTransaction, type PipelinedTransaction } from '../offsets/transaction.ts';
import { Deadlines, type Received } from './deadlines.ts';
import { sagaOf } from './inputs.ts';
import type { Pair } from './parked-messages.ts';
import { ProcessBatches, type ProcessParts } from './process-batches.ts';
import { redriveMessages, type RedriveAround } from './redrive-messages.ts';
import { restoreSql } from './saga-rows.ts';

/** The dependencies of a running process. `around`: lets tests wrap its batches. */
export type RunningProcessParts = ProcessParts &
  SubscriptionParts & {
    readonly received?: Received | undefined;
    readonly around?: (processor: BatchProcessor) => BatchProcessor;
  };

/** One instance of a process: its inputs and its deadlines. */
export class RunningProcess {
  readonly subscription: Subscription;
  readonly deadlines: Deadlines;
  private readonly batches: ProcessBatches;

  constructor(private readonly parts: RunningProcessParts) {
    this.batches = new ProcessBatches(parts, () => this.redrive());
    this.deadlines = new Deadlines(this.batches, parts.received);
    this.subscription = new Subscription(parts.around?.(this.batches) ?? this.batches, parts);
  }

  async start(): Promise<void> {
    await this.subscription.start();
    this.deadlines.start();
  }

  async stop(): Promise<void> {
    await this.deadlines.stop();
    await this.subscription.stop();
  }

  private redrive(): Promise<void> {
    const { dataSource, store, name } = this.parts;
    const { schema, release } = this.batches;
    return redriveMessages({
      dataSource,
      store,
      name,
      schema,
      release,
      handle: (pair, event, around) => this.handleAgain(pair, event, around),
    });
  }

  /**
   * The deadline returns with a saga's last message: it is checked and set again from the saga's state at that time.
   */
  private async handleAgain(pair: Pair, event: RecordedEvent | undefined, around: RedriveAround): Promise<void> {
    const input = event && this.batches.inputOf(event);
    const restore = (tx: PipelinedTransaction): void => void tx.last(restoreSql(this.batches.schema), [pair.sagaId]);
    const settled = async (tx: PipelinedTransaction): Promise<void> => {
      await around.first(tx);
      await around.settle(tx, undefined);
    };
    if (!input) {
      await inTransaction(this.parts.dataSource, async (tx) => {
        await settled(tx);
        restore(tx);
      });
    } else if (sagaOf(input) !== pair.sagaId) {
      // It was parked without its saga's id, which is known now: that saga may be parked as well.
      await this.batches.hear([input], { first: (tx) => settled(tx as PipelinedTransaction) });
    } else {
      await this.batches.hear([input], {
        first: (tx) => around.first(tx),
        last: (tx, { messages }) => around.settle(tx, messages.find(({ reason }) => reason !== undefined)?.reason),
        after: restore,
        redriven: pair.sagaId,
      });
    }
  }
}
