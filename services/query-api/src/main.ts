import { runService } from '@tradecore/service';
import { queryApi } from './query-api.module.ts';
await runService(queryApi);
