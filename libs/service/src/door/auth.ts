import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { BoundedCache } from '@tradecore/consumers';
import { counter, logger } from '@tradecore/telemetry';
import type { FastifyRequest } from 'fastify';
import { decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from 'jose';
import { z } from 'zod';
import type { Config } from '../run/config.ts';
import { accessScopes, type AccessScope } from '@tradecore/events';
import { IssuerKeys, KeysUnavailable } from './issuer-keys.ts';
import { defaultScopes, lacking, roles, suffices, type Need, type Role } from './permissions.ts';
import { RequestRefused } from './problems.ts';

/** The caller, according to the token. */
export interface Caller {
  /** The `sub` of the token. */
  readonly subject: string;
  /** The `name` of the token, if it has one. */
  readonly name?: string;
  /** Ids of the accounts that the token names. */
  readonly accounts: readonly string[];
  readonly role: Role;
  /** What the token allows; a grant may allow less. */
  readonly scopes: readonly AccessScope[];
  /** Milliseconds since 1970: the token's end; a socket must not outlive it. */
  readonly expiresAt: number;
}

/** A caller of a service that writes. */
export interface KnownCaller extends Caller {
  /** Whom events name in place of the subject. */
  readonly person: string;
}

/**
 * Whether the caller owns the account. If not, the answer is 404, so that a foreign account looks like a missing one.
 */
export const owns = (caller: Caller, accountId: string): boolean => caller.accounts.includes(accountId);

// The database keeps neither U+0000 nor half a character.
const storable = z
  .string()
  .min(1)
  .max(255)
  .refine((text) => text.isWellFormed() && !text.includes('\0'));

const claims = z.object({
  sub: storable,
  name: storable.optional().catch(undefined),
  exp: z.number(),
  iat: z.number(),
  accounts: z.array(z.guid()).max(100).default([]),
  role: z.enum(roles).default('client'),
  // RFC 9068: names separated by spaces; scopes of other APIs are ignored.
  scope: z.string().max(1000).optional(),
});

const reasons = ['missing', 'expired', 'invalid', 'keys-unavailable', 'not-permitted'] as const;
const refusals = counter({
  name: 'tradecore_auth_refusals_total',
  help: 'Requests refused because of their token, by reason.',
  labels: { reason: reasons },
});
const log = logger('auth');

/** `because`: for the log only. */
function refused(reason: Exclude<(typeof reasons)[number], 'not-permitted'>, detail: string, because?: string): RequestRefused {
  refusals.inc({ reason });
  if (reason === 'keys-unavailable')
    return new RequestRefused(503, 'token-keys-unavailable', detail, { headers: { 'retry-after': '1' } });
  const challenge = reason === 'missing' ? 'Bearer' : `Bearer error="invalid_token", error_description="${detail}"`;
  const errors = [{ pointer: '#/authorization', in: 'header' as const, code: reason, detail }];
  const headers = { 'www-authenticate': challenge };
  return new RequestRefused(401, `${reason}-token`, detail, { errors, headers, ...(because !== undefined && { because }) });
}

/** Maps a failed check to a refusal. Unavailable keys are the issuer's fault or ours, not the token's. */
function refusalFor(error: unknown, token: string): RequestRefused {
  if (error instanceof errors.JWTExpired) return refused('expired', 'The token has expired.', error.message);
  if (error instanceof errors.JOSEError) {
    return refused('invalid', 'The token is not valid for this service.', `${error.message}; ${headerOf(token)}`);
  }
  if (!(error instanceof KeysUnavailable)) log.warn({ err: error }, 'a key of the issuer could not be used');
  return refused('keys-unavailable', 'The token verification keys are unavailable.');
}

/** The token's header fields, truncated because they are unverified. */
function headerOf(token: string): string {
  try {
    const { alg, typ, kid } = decodeProtectedHeader(token);
    return Object.entries({ alg, typ, kid })
      .map(([name, value]) => `${name} ${String(value).slice(0, 40)}`)
      .join(', ');
  } catch {
    return 'its header is unreadable';
  }
}

/** The caller of a verified token, for as long as the result is reused. */
interface Checked {
  readonly caller: Caller;
  readonly until: number;
}

/**
 * A client sends the same token with each request, and verifying signatures took 29 % of the CPU time of placing an
 * order: the result for a valid token is reused for 30 s, never past its end. At most 1000 tokens; the oldest are
 * dropped first.
 */
const granted = { milliseconds: 30_000, tokens: 1000 };

type TokenSettings = Pick<Config, Extract<keyof Config, `JWT_${string}`>>;

/**
 * Verifies bearer tokens as RFC 8725 and 9068 require: algorithms, issuer, audience and type pinned; exp, iat, sub
 * required; none older than JWT_MAX_AGE or from the future; 5 s of leeway.
 */
export class Authenticator {
  readonly #keys: IssuerKeys;
  readonly #config: TokenSettings;
  readonly #now: () => number;
  readonly #checked = new BoundedCache<string, Checked>(granted.tokens);

  /** `now` in milliseconds since 1970. */
  constructor(config: TokenSettings, now: () => number = Date.now) {
    this.#config = config;
    this.#now = now;
    this.#keys = new IssuerKeys(config.JWT_JWKS_URL, now);
  }

  /** `authenticate` and `permit`. */
  async admit(authorization: string | undefined, need: Need): Promise<Caller> {
    const caller = await this.authenticate(authorization);
    this.permit(caller, need);
    return caller;
  }

  /** Refuses with 403 a token that lacks what the route needs. */
  permit(caller: Caller, need: Need | undefined): void {
    if (need === undefined || suffices(need, caller)) return;
    refusals.inc({ reason: 'not-permitted' });
    throw lacking(need);
  }

  /**
   * The caller that an `Authorization` header identifies; `RequestRefused` 401, or 503 when the issuer's keys cannot be
   * read.
   */
  async authenticate(authorization: string | undefined): Promise<Caller> {
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) {
      throw authorization === undefined
        ? refused('missing', 'A bearer token is required.')
        : refused('invalid', 'The Authorization header does not contain a bearer token.');
    }
    const known = this.#checked.get(token);
    if (known && this.#now() < known.until) return known.caller;
    this.#checked.delete(token);
    const caller = await this.#check(token);
    this.#checked.set(token, { caller, until: Math.min(this.#now() + granted.milliseconds, caller.expiresAt) });
    return caller;
  }

  async #check(token: string): Promise<Caller> {
    const claimed = claims.safeParse(await this.#verify(token));
    if (!claimed.success) {
      const because = z.prettifyError(claimed.error).slice(0, 500);
      throw refused('invalid', 'The accounts or role claim of the token is not valid for this API.', because);
    }
    const { sub, name, accounts, role, scope, exp, iat } = claimed.data;
    const named = scope?.split(' ');
    const scopes = named ? accessScopes.filter((each) => named.includes(each)) : defaultScopes;
    const expiresAt = Math.min(exp, iat + this.#config.JWT_MAX_AGE) * 1000;
    const known = { subject: sub, ...(name !== undefined && { name }) };
    return { ...known, accounts: accounts.map((id) => id.toLowerCase()), role, scopes, expiresAt };
  }

  async #verify(token: string): Promise<JWTPayload> {
    try {
      const { JWT_ALGORITHMS: algorithms, JWT_ISSUER: issuer, JWT_AUDIENCE: audience, JWT_TYP: typ } = this.#config;
      const { payload } = await jwtVerify(token, (header, jws) => this.#keys.find(header, jws), {
        algorithms,
        issuer,
        audience,
        ...(typ !== 'any' && { typ }),
        requiredClaims: ['exp', 'iat', 'sub'],
        maxTokenAge: this.#config.JWT_MAX_AGE,
        clockTolerance: 5,
        currentDate: new Date(this.#now()),
      });
      return payload;
    } catch (error) {
      throw refusalFor(error, token);
    }
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Present on every route that is not `@Public()`. */
    caller?: Caller | KnownCaller;
    /** Of the store at the beginning of the request (`Identity.epoch`), in a service with a database. */
    epoch?: Promise<string>;
  }
  interface FastifyContextConfig {
    open?: boolean;
  }
}

/** A route that needs no token: documents, never data. */
export const Public = (): MethodDecorator => RouteConfig({ open: true });

/** The caller of the request, as a parameter: `@CallerOf() caller: Caller`. */
export const CallerOf = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!caller) throw new Error('a public route has no caller');
  return caller;
});
