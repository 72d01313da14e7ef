import { Module } from '@nestjs/common';
import { IntakeModule, IntakeStrategy } from '@tradecore/consumers';
import { topics } from '@tradecore/events';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { tokens, type ServiceOptions } from '@tradecore/service';
import { gatewayConfig } from './broker-gateway.config.ts';
import { BrokerOrderQueue } from './broker-order-queue.ts';
import { BrokerOrderStore } from './broker-order-store.ts';
import { BrokerOrderWork } from './broker-order-work.ts';
import { BrokerOrders } from './broker-orders.ts';
import { BrokerageSweep } from './brokerage-sweep.ts';
import { Brokerage } from './brokerage.ts';
import { MarketFeed } from './market-feed.ts';
import { StepIntake } from './step-intake.ts';
import { Steps } from './steps.ts';
import { SweepSchedule } from './sweep-schedule.ts';
import { UpdateListener } from './update-listener.ts';

/** Sends revisions to the brokerage and stores what it answers. */
@Module({
  imports: [
    IntakeModule.with({
      name: 'broker-gateway',
      topics: [topics.orderPlacement.name, topics.corrections.name],
      kafka: tokens.kafka,
    }),
  ],
  providers: [
    ...[Brokerage, Steps, BrokerOrderQueue, BrokerOrderStore, BrokerOrders, StepIntake],
    ...[MarketFeed, SweepSchedule, BrokerageSweep, UpdateListener, BrokerOrderWork],
  ],
})
class BrokerGatewayModule {}

/** The service; its only port is the admin port. */
export const brokerGateway: ServiceOptions = {
  name: 'broker-gateway',
  module: BrokerGatewayModule,
  uses: ['postgres', 'kafka'],
  config: gatewayConfig,
  migrations: runtimeMigrations,
  strategies: [IntakeStrategy],
};
