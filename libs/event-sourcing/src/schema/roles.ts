import type { ClientBase } from 'pg';
import { roleName } from './migrations.ts';
import { scramVerifier } from './scram.ts';

/** The group of all services. */
const readers = 'reader';

/** The roles a database needs. */
export interface RoleOptions {
  readonly prefix: string;
  readonly services: readonly string[];
  /** By service; a role with a password may log in. */
  readonly passwords: Readonly<Record<string, string>>;
}

/** Roles are missing and the owner may not create them: `sql` is for a login that may. */
export class MissingRoles extends Error {
  override readonly name = 'MissingRoles';
  constructor(readonly sql: string) {
    super(`roles are missing and this login may not create them; run this as a login that may:\n${sql}`);
  }
}

/**
 * Creates missing roles, makes every service a reader, sets the passwords given. Roles belong to the cluster, not the
 * database. An owner that may not create roles leaves existing ones unchanged, passwords included.
 */
export async function ensureRoles(client: ClientBase, { prefix, services, passwords }: RoleOptions): Promise<void> {
  const names = [readers, ...services.filter((service) => service !== readers)];
  const wanted = names.map((service) => ({ service, role: roleName(prefix, service) }));
  const { rows: existing } = await client.query<{ role: string; reads: boolean; owned: boolean }>(
    `select r.rolname as role, pg_has_role(current_user, r.oid, 'member') as owned,
            coalesce((select pg_has_role(r.oid, g.oid, 'usage') from pg_roles g where g.rolname = $2), false) as reads
       from pg_roles r where r.rolname = any ($1)`,
    [wanted.map(({ role }) => role), roleName(prefix, readers)],
  );
  const { rows: self } = await client.query<{ name: string; super: boolean; may: boolean }>(
    `select rolname as name, rolsuper as super, rolsuper or rolcreaterole as may from pg_roles where rolname = current_user`,
  );
  const [owner] = self;
  const statements = wanted.flatMap(({ service, role }) => {
    const found = existing.find((each) => each.role === role);
    return [
      ...(found ? [] : [`create role "${role}"`]),
      ...(service === readers || found?.reads ? [] : [`grant "${roleName(prefix, readers)}" to "${role}"`]),
      // Only a superuser or a member of the role can create a schema owned by it.
      ...(owner?.super || found?.owned ? [] : [`grant "${role}" to "${owner?.name}"`]),
    ];
  });
  const logins = wanted.flatMap(({ service, role }) => {
    const password = passwords[service];
    return password === undefined ? [] : [`alter role "${role}" login password '${scramVerifier(password)}'`];
  });
  if (owner?.may) {
    for (const statement of [...statements, ...logins]) await runOnce(client, statement);
  } else if (statements.length > 0) {
    throw new MissingRoles([...statements, ...logins].map((statement) => `${statement};`).join('\n'));
  }
}

/** Another database of the cluster may be creating the same roles: an existing role is fine, a lost race is retried. */
async function runOnce(client: ClientBase, statement: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query(statement);
      return;
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      if (code === '42710' || (code === '23505' && statement.startsWith('create role'))) return;
      if (attempt === 10 || !(message.includes('concurrently updated') || code === '23505')) throw error;
    }
  }
}
