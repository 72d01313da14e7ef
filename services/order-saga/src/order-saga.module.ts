import { Module } from '@nestjs/common';
import { ProcessModule, ProcessStrategy } from '@tradecore/consumers';
import { topics } from '@tradecore/events';
import { tokens, type ServiceOptions } from '@tradecore/service';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { orderPlacementProcess } from '@tradecore/trading';
import { countStored } from './order-saga.metrics.ts';
import { receivedByGateway } from './received-by-gateway.ts';

const process = ProcessModule.with({
  process: orderPlacementProcess,
  topics: [topics.orderEvents.name, topics.brokerEvents.name, topics.corrections.name],
  service: 'order-saga',
  received: receivedByGateway,
  stored: countStored,
  kafka: tokens.kafka,
});

/** Leads every order from its approval to its end. */
@Module({ imports: [process] })
export class OrderSagaModule {}

/** The service, as `main.ts` and the tests start it. */
export const orderSaga: ServiceOptions = {
  name: 'order-saga',
  module: OrderSagaModule,
  uses: ['postgres', 'kafka'],
  migrations: runtimeMigrations,
  strategies: [ProcessStrategy],
};
