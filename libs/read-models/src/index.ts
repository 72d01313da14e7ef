export * from './api/orders.ts';
export * from './api/order-writes.ts';
export * from './api/accounts.ts';
export * from './api/admin.ts';
export * from './api/write-routes.ts';
export * from './api/account-reads.ts';
export * from './api/timeline.ts';
export * from './api/feed.ts';
export { MarketData } from './market-data.ts';
export { decodeConsistencyToken, encodeConsistencyToken, type Consistency } from './api/consistency-token.ts';
export {
  decodeAccountCursor,
  decodeCursor,
  decodeLedgerCursor,
  encodeAccountCursor,
  encodeCursor,
  encodeLedgerCursor,
} from './api/cursor.ts';
export { etagOf, orderEventResponseOf, orderFrom, orderResponseOf } from './api/order-response.ts';
export { Orders, type OrderRow } from './orders.projector.ts';
export * from './orders.queries.ts';
export * from './progress.queries.ts';
export { Accounts, type AccountRow } from './accounts.projector.ts';
export * from './accounts.queries.ts';
export { Positions, type PositionRow } from './positions.projector.ts';
export * from './positions.queries.ts';
export { Feed } from './feed.projector.ts';
export * from './feed.queries.ts';
export { readModelMigrations } from './migrations.ts';
export { runtimeMigrations } from './runtime-migrations.ts';
