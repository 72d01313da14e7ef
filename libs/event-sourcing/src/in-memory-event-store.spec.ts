import { InMemoryEventStore } from './index.ts';
import { eventStoreConformance, tallyCatalogue } from './testing.ts';

eventStoreConformance('the store in memory', () =>
  Promise.resolve({ stores: [new InMemoryEventStore(tallyCatalogue)], close: () => Promise.resolve() }),
);
