export { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from './test/test-database.ts';
export { given, type Decided } from './test/given.ts';
