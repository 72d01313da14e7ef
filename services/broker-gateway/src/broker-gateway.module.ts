import { Module } from '@nestjs/common';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { tokens, type ServiceOptions } from '@tradecore/service';
import { CommandsModule, CommandStrategy } from '@tradecore/consumers';
import { gatewayConfig } from './broker-gateway.config.ts';
import { BrokerOrderCommands } from './broker-orders.commands.ts';
import { RevisionWork } from './revision-work.ts';
import { Revisions } from './revisions.ts';
import { BrokerageSweep } from './brokerage-sweep.ts';
import { MarketFeed } from './market-feed.ts';
import { UpdateDoor } from './update-door.ts';
import { Updates } from './updates.ts';
import { Brokerage } from './brokerage.ts';

/** Sends revisions to the broker, and takes over what the broker says. */
@Module({
  imports: [CommandsModule.with({ name: 'broker-gateway', kafka: tokens.kafka })],
  providers: [Brokerage, Revisions, RevisionWork, MarketFeed, Updates, BrokerageSweep, UpdateDoor, BrokerOrderCommands],
})
class BrokerGatewayModule {}

/** The service: no door but its admin port. */
export const brokerGateway: ServiceOptions = {
  name: 'broker-gateway',
  module: BrokerGatewayModule,
  uses: ['postgres', 'kafka'],
  config: gatewayConfig,
  migrations: runtimeMigrations,
  strategies: [CommandStrategy],
};
