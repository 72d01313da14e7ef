import { runService } from '@tradecore/service';
import { brokerGateway } from './broker-gateway.module.ts';
await runService(brokerGateway);
