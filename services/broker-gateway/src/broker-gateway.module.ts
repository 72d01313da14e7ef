import { Module } from '@nestjs/common';
import { runtimeMigrations } from '@tradecore/read-models';
import { tokens, type ServiceOptions } from '@tradecore/service';
import { CommandsModule, CommandStrategy } from '@tradecore/subscriptions';
import { gatewayConfig } from './broker-gateway.config.ts';
import { BrokerOrderCommands } from './broker-orders.commands.ts';
import { LegWork } from './leg-work.ts';
import { Legs } from './legs.ts';
import { LookBack } from './look-back.ts';
import { MarketFeed } from './market-feed.ts';
import { UpdateDoor } from './update-door.ts';
import { Updates } from './updates.ts';
import { Venue } from './venue.ts';

/** Sends legs to the broker, and takes over what the broker says. */
@Module({
  imports: [CommandsModule.with({ name: 'broker-gateway', broker: tokens.broker })],
  providers: [Venue, Legs, LegWork, MarketFeed, Updates, LookBack, UpdateDoor, BrokerOrderCommands],
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
