import { runService } from '@tradecore/service';
import { outboxRelay } from './outbox-relay.module.ts';
import { runResume } from './resume.ts';
await (process.argv[2] === 'resume' ? runResume(process.argv.slice(3)) : runService(outboxRelay));
