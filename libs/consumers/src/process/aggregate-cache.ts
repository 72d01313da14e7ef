import type { AnyAggregate, WarmAggregate } from '@tradecore/event-sourcing';
import { BoundedCache } from '../offsets/bounded-cache.ts';

/**
 * Aggregates as they were committed last, so that the next batch reads only what others wrote since (`load_locked` compares the id of the last
 * event, under the lock). Taken out while a batch decides on them: what is rolled back never comes back.
 */
export class AggregateCache {
  private readonly kept: BoundedCache<string, WarmAggregate>;

  constructor(size = 2000) {
    this.kept = new BoundedCache(size);
  }

  /** Takes an aggregate out; `undefined` when it is not there or another batch has it. */
  take(id: string): WarmAggregate | undefined {
    return this.kept.take(id);
  }

  /** Keeps an aggregate; the newer one where two batches give the same one back. */
  keep(aggregate: AnyAggregate, lastEventId: string): void {
    const known = this.kept.get(aggregate.id);
    if (!known || known.aggregate.version <= aggregate.version) this.kept.set(aggregate.id, { aggregate, lastEventId });
  }
}
