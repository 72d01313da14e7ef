import { Module } from '@nestjs/common';
import type { ServiceOptions } from '@tradecore/service';
import { OrdersHttp } from './orders.http.ts';
import { PlaceOrder } from './place-order.ts';
import { RequestCancel } from './request-cancel.ts';

/** The door through which clients write, and its use cases. */
@Module({ controllers: [OrdersHttp], providers: [PlaceOrder, RequestCancel] })
export class CommandApiModule {}

/** The service as `main.ts` and tests start it. */
export const commandApi: ServiceOptions = { name: 'command-api', module: CommandApiModule, http: true };
