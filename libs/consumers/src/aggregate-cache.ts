import type { AnyAggregate, WarmAggregate } from '@tradecore/event-sourcing';

/**
 * Aggregates as they were committed last, so that the next batch reads only what others wrote since (`load_locked` compares the id of the last
 * event, under the lock). Taken out while a batch decides on them: what is rolled back never comes back.
 */
export class AggregateCache {
  private readonly kept = new Map<string, WarmAggregate>();

  constructor(private readonly size = 2000) {}

  /** Takes an aggregate out; `undefined` when it is not there or another batch has it. */
  take(id: string): WarmAggregate | undefined {
    const warm = this.kept.get(id);
    this.kept.delete(id);
    return warm;
  }

  /** Keeps an aggregate; the one kept longest without use makes room. Newer wins where two batches give the same one back. */
  keep(aggregate: AnyAggregate, lastEventId: string): void {
    const known = this.kept.get(aggregate.id);
    if (known && known.aggregate.version > aggregate.version) return;
    this.kept.delete(aggregate.id);
    this.kept.set(aggregate.id, { aggregate, lastEventId });
    if (this.kept.size <= this.size) return;
    const [oldest] = this.kept.keys();
    if (oldest !== undefined) this.kept.delete(oldest);
  }
}
