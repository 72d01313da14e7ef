import { bearerOf, InvalidOption } from '@tradecore/token-issuer/bearer';
import { Refusal, say } from './console.ts';
import { home } from './home.ts';
import { demoAccount, demoSubject, LocalIssuer } from './issuer.ts';

/**
 * Prints a token of the local issuer: `npm run token -- --account ID` for a person whose token names an account,
 * `--subject NAME` for a person who owns the accounts they open. Without either: the owner of the demo account. `--role
 * operator` or `treasury` and `--scope "read trade transfer"` set role and scopes.
 */
export async function token(args: readonly string[]): Promise<number> {
  const { subject, accounts, ...more } = read(args);
  const named = subject === undefined ? { accounts: accounts ?? [] } : { accounts: accounts ?? [], subject: `local|${subject}` };
  const isDemo = subject === undefined && accounts === undefined;
  const issuer = await LocalIssuer.open(home);
  say(await issuer.token({ ...(isDemo ? { subject: demoSubject, accounts: [demoAccount] } : named), ...more }));
  return 0;
}

function read(args: readonly string[]): ReturnType<typeof bearerOf> {
  try {
    return bearerOf(args);
  } catch (error) {
    if (error instanceof InvalidOption) throw new Refusal(error.message);
    throw error;
  }
}
