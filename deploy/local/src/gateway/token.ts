import { parseArgs } from 'node:util';
import { Refusal, say } from '../runner/console.ts';
import { home } from '../runner/home.ts';
import { demoAccount, demoSubject, LocalIssuer, type Bearer } from './issuer.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Prints a token of the local issuer: `npm run token -- --account ID` for a person whose token names an account,
 * `--subject NAME` for a person who owns the accounts they open. Without either: the owner of the demo account. `--role
 * operator` or `treasury` and `--scope "read trade transfer"` set role and scopes.
 */
export async function token(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      account: { type: 'string' },
      subject: { type: 'string' },
      role: { type: 'string', default: 'client' },
      scope: { type: 'string' },
    },
  });
  const { account, subject, role, scope } = values;
  if (account !== undefined && !uuid.test(account))
    throw new Refusal(`--account is a UUID in lower case, such as ${demoAccount}; it was "${account}".`);
  if (subject !== undefined && !/^[\x21-\x7e]{1,200}$/.test(subject))
    throw new Refusal(`--subject is 1 to 200 printable characters without blanks; it was "${subject}".`);
  if (scope !== undefined && !/^(read|trade|transfer)( (read|trade|transfer))*$/.test(scope))
    throw new Refusal(`--scope is some of read, trade and transfer, with a blank between; it was "${scope}".`);
  const issuer = await LocalIssuer.open(home);
  say(await issuer.token({ ...whom(account, subject), role: roleOf(role), ...(scope !== undefined && { scope }) }));
  return 0;
}

function roleOf(text: string): Bearer['role'] {
  if (text === 'client' || text === 'operator' || text === 'treasury') return text;
  throw new Refusal(`--role is client, operator or treasury; it was "${text}".`);
}

function whom(account: string | undefined, subject: string | undefined): Pick<Bearer, 'subject' | 'accounts'> {
  const named = { accounts: account === undefined ? [] : [account] };
  if (subject !== undefined) return { ...named, subject: `local|${subject}` };
  return account === undefined ? { subject: demoSubject, accounts: [demoAccount] } : named;
}
