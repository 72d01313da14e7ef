import { runService } from '@tradecore/service';
import { outboxRelay } from './outbox-relay.module.ts';
await runService(outboxRelay);
