import { parseArgs } from 'node:util';
import { Refusal, say } from './console.ts';
import { home } from './home.ts';
import { demoAccount, LocalIssuer } from './issuer.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Prints a token of the local issuer: `npm run token -- --account ID --role client|operator`. */
export async function token(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { account: { type: 'string', default: demoAccount }, role: { type: 'string', default: 'client' } },
  });
  const { account, role } = values;
  if (!uuid.test(account)) throw new Refusal(`--account is a UUID in lower case, such as ${demoAccount}; it was "${account}".`);
  if (role !== 'client' && role !== 'operator') throw new Refusal(`--role is client or operator; it was "${role}".`);
  const issuer = await LocalIssuer.open(home);
  say(await issuer.token({ account, role }));
  return 0;
}
