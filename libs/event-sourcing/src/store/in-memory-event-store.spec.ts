import { InMemoryEventStore } from '../index.ts';
import { eventStoreConformance, tallyCatalogue } from '../testing.ts';

class Spoilable extends InMemoryEventStore {
  spoil(aggregateId: string, { version, state }: { version?: number; state?: object }): void {
    for (const [key, snapshot] of this.snapshots) {
      if (snapshot.aggregateId !== aggregateId) continue;
      this.snapshots.set(key, { ...snapshot, ...(version && { version }), ...(state && { state: JSON.stringify(state) }) });
    }
  }
}

eventStoreConformance('the store in memory', () => {
  let last = 0;
  // As PostgreSQL's clock, never the same twice: a fast machine loads twice in a millisecond.
  const store = new Spoilable(tallyCatalogue, () => (last = Math.max(last + 1, Date.now())));
  return Promise.resolve({
    stores: [store],
    spoilSnapshot: (id, spoilt) => Promise.resolve(store.spoil(id, spoilt)),
    close: () => Promise.resolve(),
  });
});
