export { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from './test/test-database.ts';
export { CuttingProxy } from './test/cutting-proxy.ts';
export { given, type Decided } from './test/given.ts';
export {
  Gate,
  GateTurned,
  KeptTally,
  onlyRaiseId,
  Tally,
  tallyCatalogue,
  TallyNotOpen,
  TallyOpened,
  TallyRaised,
  type TallyEvent,
} from './test/tally.ts';
export { partOf } from './test/parts.ts';
export { eventStoreConformance, type StoreUnderTest } from './test/conformance.ts';
