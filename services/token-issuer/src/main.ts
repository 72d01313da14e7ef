import { runService } from '@tradecore/service';
import { tokenIssuer } from './token-issuer.module.ts';
await runService(tokenIssuer);
