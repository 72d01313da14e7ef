import { Module } from '@nestjs/common';
import { apiPaths } from '@tradecore/api';
import type { KafkaClient } from '@tradecore/messaging';
import { MarketData } from '@tradecore/market-data';
import { tokens, type ServiceOptions } from '@tradecore/service';
import { AccountAccess } from './account-access.ts';
import { AccountLanes } from './account-lane/account-lanes.ts';
import { AccountsHttp } from './accounts/accounts.http.ts';
import { ChangeAccess } from './accounts/change-access.ts';
import { MoveFunds } from './accounts/move-funds.ts';
import { OpenAccount } from './accounts/open-account.ts';
import { AdminHttp } from './admin/admin.http.ts';
import { SetControls } from './admin/set-controls.ts';
import { limitSettings } from './limits.ts';
import { MarketFacts, riskSettings } from './orders/market-facts.ts';
import { OrderRisk } from './orders/order-risk.ts';
import { OrderWaits } from './orders/order-waits.ts';
import { OrdersHttp } from './orders/orders.http.ts';
import { OwnOrder } from './orders/own-order.ts';
import { PlaceOrder } from './orders/place-order.ts';
import { RequestCancel } from './orders/request-cancel.ts';
import { RequestReplace } from './orders/request-replace.ts';

/**
 * Reads market data from before the HTTP server starts. Not part of readiness: without it only orders and replaces are
 * answered 503.
 */
const marketData = {
  provide: MarketData,
  inject: [tokens.kafka],
  useFactory: (kafka: KafkaClient): MarketData => {
    const read = new MarketData();
    read.start(kafka);
    return read;
  },
};

/** HTTP writes of clients and operators, and their use cases. */
@Module({
  controllers: [OrdersHttp, AccountsHttp, AdminHttp],
  providers: [
    marketData,
    AccountAccess,
    AccountLanes,
    MarketFacts,
    OrderRisk,
    OrderWaits,
    OwnOrder,
    PlaceOrder,
    RequestCancel,
    RequestReplace,
    OpenAccount,
    MoveFunds,
    ChangeAccess,
    SetControls,
  ],
})
export class CommandApiModule {}

/** The service as `main.ts` and tests start it. */
export const commandApi: ServiceOptions = {
  name: 'command-api',
  module: CommandApiModule,
  uses: ['postgres', 'kafka', 'redis'],
  http: true,
  people: true,
  paths: apiPaths,
  routeClasses: {
    'POST /v1/orders': 'orders',
    'POST /v1/orders/:id/replace': 'orders',
    'POST /v1/orders/:id/cancel': 'cancels',
    // A halt of trading is refused as rarely as a cancel.
    'POST /v1/admin/kill-switch': 'cancels',
  },
  config: { ...riskSettings, ...limitSettings },
};
