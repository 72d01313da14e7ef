import type { BatchProcessor } from '../offsets/batch-processor.ts';
import { Subscription, type SubscriptionParts, type SubscriptionStatus } from '../offsets/subscription.ts';
import { Deadlines, type Received } from './deadlines.ts';
import { ProcessBatches, type ProcessParts } from './process-batches.ts';

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

  constructor(parts: RunningProcessParts) {
    this.batches = new ProcessBatches(parts);
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

  status(): SubscriptionStatus {
    return this.subscription.status();
  }
}
