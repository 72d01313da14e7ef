import { RouteConfig } from '@nestjs/platform-fastify';
import type { AccessScope } from '@tradecore/events';
import { RequestRefused } from './problems.ts';

/** The role that a token gives its bearer. */
export const roles = ['client', 'operator', 'treasury'] as const;
/** One of them. */
export type Role = (typeof roles)[number];

/** What a route requires of a token: a scope, or one of these roles. */
export type Need = AccessScope | readonly Exclude<Role, 'client'>[];

/** Scopes of a token that names none. Never `transfer`: money leaves only with a token that names it. */
export const defaultScopes: readonly AccessScope[] = ['read', 'trade'];

/** Whether a token with this role and these scopes is sufficient. */
export const suffices = (
  need: Need,
  { role, scopes }: { readonly role: Role; readonly scopes: readonly AccessScope[] },
): boolean => (typeof need === 'string' ? scopes.includes(need) : (need as readonly Role[]).includes(role));

/** 403 for whatever is lacking, whatever the request names. */
export function lacking(need: Need): RequestRefused {
  if (typeof need === 'string') return insufficientScope(need, 'token');
  const detail = `The token lacks the role ${need.join(' or ')}.`;
  return new RequestRefused(403, 'operators-only', detail, { errors: [faultOf('operators-only', detail)] });
}

/** The token, or the grant by which its bearer uses an account, does not allow this. */
export function insufficientScope(scope: AccessScope, what: 'token' | 'grant'): RequestRefused {
  const detail = `The ${what} lacks the scope ${scope}.`;
  return new RequestRefused(403, 'insufficient-scope', detail, {
    errors: [faultOf('insufficient-scope', detail)],
    headers: { 'www-authenticate': `Bearer error="insufficient_scope", scope="${scope}"` },
    extensions: { scope },
  });
}

const faultOf = (code: string, detail: string) => ({
  pointer: '#/authorization',
  in: 'header' as const,
  code,
  detail,
});

/** What a route requires: any other token is answered 403 before the body is read. */
export const Needs = (needs: Need): MethodDecorator => RouteConfig({ needs });

/** A route for operators. */
export const OperatorsOnly = (): MethodDecorator => Needs(['operator']);

declare module 'fastify' {
  interface FastifyContextConfig {
    needs?: Need;
  }
}
