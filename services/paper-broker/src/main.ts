import { runService } from '@tradecore/service';
import { paperBroker } from './paper-broker.module.ts';
await runService(paperBroker);
