export { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from './test-database.ts';
export { given, type Decided } from './given.ts';
