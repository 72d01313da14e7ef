import { Module } from '@nestjs/common';
import { readModelMigrations } from '@tradecore/read-models';
import type { ServiceOptions } from '@tradecore/service';
import { ConsistentReads } from './consistent-reads.ts';
import { DocumentsHttp } from './documents.http.ts';
import { FeedHints } from './feed-hints.ts';
import { FeedPump } from './feed-pump.ts';
import { OrderHistory } from './order-history.ts';
import { OrdersHttp } from './orders.http.ts';
import { StreamHttp } from './stream.http.ts';

/** The door through which clients read: orders, their history, the stream of their accounts. It writes nothing. */
@Module({
  controllers: [OrdersHttp, DocumentsHttp],
  providers: [ConsistentReads, OrderHistory, FeedPump, FeedHints, StreamHttp],
})
export class QueryApiModule {}

/** The service as `main.ts` and tests start it. */
export const queryApi: ServiceOptions = {
  name: 'query-api',
  module: QueryApiModule,
  uses: ['postgres', 'redis'],
  http: true,
  migrations: readModelMigrations,
};
