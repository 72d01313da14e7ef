import { runService } from '@tradecore/service';
import { orderSaga } from './order-saga.module.ts';
await runService(orderSaga);
