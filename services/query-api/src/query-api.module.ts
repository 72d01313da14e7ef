import { Module } from '@nestjs/common';
import { apiPaths } from '@tradecore/api';
import type { KafkaClient } from '@tradecore/messaging';
import { StoreIdentity } from '@tradecore/event-sourcing';
import { MarketData } from '@tradecore/market-data';
import { ReadCache, readModelMigrations } from '@tradecore/read-models';
import { tokens, type ServiceOptions } from '@tradecore/service';
import { Redis } from 'ioredis';
import { Access } from './access.ts';
import { AccountsHttp } from './accounts.http.ts';
import { ConsistentReads } from './consistent-reads.ts';
import { DocumentsHttp } from './documents.http.ts';
import { OrderHistoryHttp } from './order-history.http.ts';
import { OrderHistory } from './order-history.ts';
import { OrdersHttp } from './orders.http.ts';
import { Reads } from './reads.ts';
import { settings, type QueryConfig } from './settings.ts';
import { FeedHints } from './stream/feed-hints.ts';
import { FeedPump } from './stream/feed-pump.ts';
import { Feeds } from './stream/feeds.ts';
import { Revocations } from './stream/revocations.ts';
import { StreamCallers } from './stream/stream-callers.ts';
import { StreamHttp } from './stream/stream.http.ts';
import { TicketsHttp } from './stream/tickets.http.ts';
import { Timelines } from './timelines.ts';

/** Last prices, read until the Kafka client closes. Without Kafka, reads continue but positions have no value. */
const marketData = {
  provide: MarketData,
  inject: [tokens.kafka],
  useFactory: (kafka: KafkaClient): MarketData => {
    const read = new MarketData();
    read.start(kafka);
    return read;
  },
};

const readCache = {
  provide: ReadCache,
  inject: [Redis, StoreIdentity, tokens.config],
  useFactory: (redis: Redis, store: StoreIdentity, config: QueryConfig) =>
    new ReadCache(redis, store, { life: config.READ_CACHE_MS, patience: config.READ_CACHE_TIMEOUT }),
};

/** Client reads: orders, accounts, their history, the stream. It writes nothing. */
@Module({
  controllers: [OrdersHttp, OrderHistoryHttp, AccountsHttp, DocumentsHttp, TicketsHttp],
  providers: [
    ...[marketData, readCache, Access, ConsistentReads, OrderHistory, Reads, Timelines],
    ...[FeedPump, FeedHints, Feeds, Revocations, StreamCallers, StreamHttp],
  ],
})
class QueryApiModule {}

/** The service as `main.ts` and tests start it. */
export const queryApi: ServiceOptions = {
  name: 'query-api',
  module: QueryApiModule,
  uses: ['postgres', 'kafka', 'redis'],
  http: true,
  config: settings,
  paths: apiPaths,
  migrations: readModelMigrations,
};
