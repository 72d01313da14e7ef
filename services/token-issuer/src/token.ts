// Prints a token of this issuer: node services/token-issuer/dist/token.js --subject me --role treasury
import { environment, readConfig } from '@tradecore/service';
import { bearerOf } from './bearer.ts';
import { openIssuer } from './issuer.ts';
import { settings } from './settings.ts';

try {
  const { ISSUER, AUDIENCE, ISSUER_KEY } = readConfig({ uses: [], http: false, own: settings }, environment());
  const { subject = 'newcomer', accounts = [], ...more } = bearerOf(process.argv.slice(2));
  const issuer = await openIssuer(ISSUER, AUDIENCE, ISSUER_KEY);
  process.stdout.write(`${await issuer.token({ subject, accounts, ...more })}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 64;
}
