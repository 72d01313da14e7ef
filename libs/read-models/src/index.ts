export * from './api/orders.ts';
export * from './api/feed.ts';
export { decodeConsistencyToken, encodeConsistencyToken, type Consistency } from './api/consistency-token.ts';
export { etagOf, orderEventResponseOf, orderFrom, orderResponseOf } from './api/order-response.ts';
export { Orders, type OrderRow } from './orders.projector.ts';
export { Feed, type FeedLine, type FeedRow } from './feed.projector.ts';
