import { Module } from '@nestjs/common';
import type { KafkaClient } from '@tradecore/messaging';
import { MarketData } from '@tradecore/market-data';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { Health, tokens, type ServiceOptions } from '@tradecore/service';
import { CommandsModule, CommandStrategy } from '@tradecore/consumers';
import { AccountAccess } from './account-access.ts';
import { AccountChanges } from './account-changes.ts';
import { AccountsHttp } from './accounts.http.ts';
import { AdminHttp } from './admin.http.ts';
import { ChangeAccess } from './change-access.ts';
import { MoveFunds } from './move-funds.ts';
import { OpenAccount } from './open-account.ts';
import { MarketFacts, OrderRisk, riskSettings } from './order-risk.ts';
import { OrderWaits } from './order-waits.ts';
import { OrderRequests } from './order-requests.ts';
import { OrdersHttp } from './orders.http.ts';
import { PlaceOrder } from './place-order.ts';
import { RequestCancel } from './request-cancel.ts';
import { RequestReplace } from './request-replace.ts';
import { AccountCommands, OrderCommands } from './saga.commands.ts';
import { SetControls } from './set-controls.ts';

/** Reads market data from before the doors open until the broker is closed; not ready while it knows half of the market. */
const marketData = {
  provide: MarketData,
  inject: [tokens.kafka, Health],
  useFactory: (kafka: KafkaClient, health: Health): MarketData => {
    const read = new MarketData();
    read.start(kafka);
    health.add({ name: 'market-data', check: () => read.check() });
    return read;
  },
};

/** The doors through which clients and sagas write, and the use cases behind them. */
@Module({
  imports: [CommandsModule.with({ name: 'command-api', kafka: tokens.kafka })],
  controllers: [OrdersHttp, AccountsHttp, AdminHttp],
  providers: [
    marketData,
    AccountAccess,
    AccountChanges,
    MarketFacts,
    OrderRisk,
    OrderWaits,
    OrderRequests,
    PlaceOrder,
    RequestCancel,
    RequestReplace,
    OpenAccount,
    MoveFunds,
    ChangeAccess,
    SetControls,
    AccountCommands,
    OrderCommands,
  ],
})
export class CommandApiModule {}

/** The service as `main.ts` and tests start it. */
export const commandApi: ServiceOptions = {
  name: 'command-api',
  module: CommandApiModule,
  uses: ['postgres', 'kafka'],
  http: true,
  config: riskSettings,
  migrations: runtimeMigrations,
  strategies: [CommandStrategy],
};
