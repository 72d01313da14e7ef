import { Module } from '@nestjs/common';
import { topics } from '@tradecore/events';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { tokens, type ServiceOptions } from '@tradecore/service';
import { SagasModule, SagaStrategy } from '@tradecore/consumers';
import { OrderPlacement } from '@tradecore/trading';

const hears = [topics.orderEvents, topics.accountEvents, topics.brokerEvents].map(({ name }) => name);

/** Leads every order from its approval to its end. */
@Module({ imports: [SagasModule.with({ saga: OrderPlacement, topics: hears, service: 'order-saga', kafka: tokens.kafka })] })
export class OrderSagaModule {}

/** The service as `main.ts` and tests start it. */
export const orderSaga: ServiceOptions = {
  name: 'order-saga',
  module: OrderSagaModule,
  uses: ['postgres', 'kafka'],
  migrations: runtimeMigrations,
  strategies: [SagaStrategy],
};
