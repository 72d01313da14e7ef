import { DecidingBatches, type DecidingParts } from './deciding-work.ts';
import { SagaDecider, type SagaDeciderOptions } from './saga-decider.ts';
import { SagaTimers } from './saga-timers.ts';
import { Subscription, type SubscriptionParts, type BatchProcessor } from '../offsets/subscription.ts';

/** What a saga runs on. `around`: for tests that do something to its work. */
export type RunningSagaParts = Omit<SagaDeciderOptions, 'catalogue'> &
  DecidingParts &
  SubscriptionParts & { readonly around?: (work: BatchProcessor) => BatchProcessor };

/** A saga of one process: what it hears, and its deadlines. */
export class RunningSaga {
  readonly subscription: Subscription;
  readonly timers: SagaTimers;

  constructor(parts: RunningSagaParts) {
    const decider = new SagaDecider(parts);
    this.timers = new SagaTimers({ ...parts, decider, mayRun: () => this.subscription.status().state === 'running' });
    const work = new DecidingBatches(decider, parts, this.timers);
    this.subscription = new Subscription(parts.around?.(work) ?? work, parts);
  }

  async start(): Promise<void> {
    await this.subscription.start();
    this.timers.start();
  }

  async stop(): Promise<void> {
    await this.timers.stop();
    await this.subscription.stop();
  }
}
