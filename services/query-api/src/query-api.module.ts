import { Module } from '@nestjs/common';
import { apiPaths } from '@tradecore/api';
import type { KafkaClient } from '@tradecore/messaging';
import { MarketData } from '@tradecore/market-data';
import { readModelMigrations } from '@tradecore/read-models';
import { tokens, type ServiceOptions } from '@tradecore/service';
import { Access } from './access.ts';
import { AccountsHttp } from './accounts.http.ts';
import { ConsistentReads } from './consistent-reads.ts';
import { DocumentsHttp } from './documents.http.ts';
import { FeedHints } from './feed-hints.ts';
import { FeedPump } from './feed-pump.ts';
import { Feeds } from './feeds.ts';
import { OrderHistoryHttp } from './order-history.http.ts';
import { OrderHistory } from './order-history.ts';
import { OrderReads } from './order-reads.ts';
import { OrdersHttp } from './orders.http.ts';
import { pageSettings } from './page-limit.ts';
import { StreamHttp } from './stream.http.ts';
import { Timelines } from './timelines.ts';

/** Last prices, read until the Kafka client is closed. While Kafka is away reads go on, and positions have no value. */
const marketData = {
  provide: MarketData,
  inject: [tokens.kafka],
  useFactory: (kafka: KafkaClient): MarketData => {
    const read = new MarketData();
    read.start(kafka);
    return read;
  },
};

/** Where clients read: orders and accounts, their history, the stream. It writes nothing. */
@Module({
  controllers: [OrdersHttp, OrderHistoryHttp, AccountsHttp, DocumentsHttp],
  providers: [marketData, Access, ConsistentReads, OrderHistory, OrderReads, Timelines, FeedPump, FeedHints, Feeds, StreamHttp],
})
class QueryApiModule {}

/** The service as `main.ts` and tests start it. */
export const queryApi: ServiceOptions = {
  name: 'query-api',
  module: QueryApiModule,
  uses: ['postgres', 'kafka', 'redis'],
  http: true,
  paths: apiPaths,
  migrations: readModelMigrations,
  config: pageSettings,
};
