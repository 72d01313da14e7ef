import { parseArgs } from 'node:util';

/** Whom a token speaks for. */
export interface Bearer {
  /** The `sub`. The accounts that a subject opens are its own, named by its tokens or not. */
  readonly subject: string;
  /** The accounts that the token names. */
  readonly accounts: readonly string[];
  readonly role: 'client' | 'operator' | 'treasury';
  /** Its scopes: `read`, `trade`, `transfer`, separated by blanks; absent: all but `transfer`. */
  readonly scope?: string;
}

/** An option of the command line is not what it must be. */
export class InvalidOption extends Error {
  override readonly name = 'InvalidOption';
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Whom the options of a command name: `--account ID`, `--subject NAME`, `--role client|operator|treasury`,
 * `--scope "read trade transfer"`. Throws `InvalidOption`.
 */
export function bearerOf(args: readonly string[]): Partial<Bearer> & Pick<Bearer, 'role'> {
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
    throw new InvalidOption(`--account is a UUID in lower case; it was "${account}".`);
  if (subject !== undefined && !/^[\x21-\x7e]{1,200}$/.test(subject))
    throw new InvalidOption(`--subject is 1 to 200 printable characters without blanks; it was "${subject}".`);
  if (scope !== undefined && !/^(read|trade|transfer)( (read|trade|transfer))*$/.test(scope))
    throw new InvalidOption(`--scope is some of read, trade and transfer, with a blank between; it was "${scope}".`);
  return {
    role: roleOf(role),
    ...(account !== undefined && { accounts: [account] }),
    ...(subject !== undefined && { subject }),
    ...(scope !== undefined && { scope }),
  };
}

function roleOf(text: string): Bearer['role'] {
  if (text === 'client' || text === 'operator' || text === 'treasury') return text;
  throw new InvalidOption(`--role is client, operator or treasury; it was "${text}".`);
}
