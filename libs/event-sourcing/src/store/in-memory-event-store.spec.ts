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
  const store = new Spoilable(tallyCatalogue);
  return Promise.resolve({
    stores: [store],
    spoilSnapshot: (id, spoilt) => Promise.resolve(store.spoil(id, spoilt)),
    close: () => Promise.resolve(),
  });
});
