import { Inject, Injectable } from '@nestjs/common';
import { freshId } from '@tradecore/events';
import { Authenticator, RequestRefused, tokens, type Caller } from '@tradecore/service';
import { counter, logger } from '@tradecore/telemetry';
import { Redis } from 'ioredis';
import { errors, jwtVerify, SignJWT } from 'jose';
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { QueryConfig } from '../settings.ts';

/** Seconds that a ticket is valid. */
const life = 30;
const pinned = { typ: 'stream-ticket+jwt', algorithms: ['HS256'], audience: 'stream', requiredClaims: ['exp', 'jti'] };

const log = logger('tickets');
const tickets = counter({
  name: 'tradecore_stream_tickets_total',
  help: 'Stream tickets: made, used, refused, or unchecked (used while Redis could not tell whether for the first time).',
  labels: { outcome: ['made', 'used', 'refused', 'unchecked'] },
});

/**
 * Identifies who opens a stream, by token or by ticket: a browser can't send headers with a WebSocket upgrade, and a
 * token in a URL ends up in logs. A ticket identifies its bearer, and is valid for 30 s and, while Redis answers, for
 * one stream. No cookie opens a stream, so there is no Origin to check.
 */
@Injectable()
export class StreamCallers {
  readonly #key: Uint8Array;

  constructor(
    @Inject(Redis) private readonly redis: Redis,
    @Inject(tokens.config) private readonly config: QueryConfig,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
  ) {
    const { STREAM_TICKET_KEY: key } = config;
    if (key === undefined) log.info('STREAM_TICKET_KEY is not set: stream tickets are valid only at this instance');
    this.#key = key === undefined ? randomBytes(32) : new TextEncoder().encode(key);
  }

  /** The caller in the headers of an upgrade. */
  of({ authorization, 'sec-websocket-protocol': offered = '' }: IncomingHttpHeaders): Promise<Caller> {
    const ticket = /(?:^|,)\s*ticket\.([^\s,]+)/.exec(offered)?.[1];
    return authorization === undefined && ticket !== undefined
      ? this.#use(ticket)
      : this.authenticator.admit(authorization, 'read');
  }

  /** The caller of a token that was sent on an open stream. */
  named(token: string): Promise<Caller> {
    return this.authenticator.admit(`Bearer ${token}`, 'read');
  }

  /** A ticket for the caller, and when it expires. */
  async ticketFor(caller: Caller): Promise<{ readonly ticket: string; readonly expiresAt: string }> {
    const ends = Math.floor(Date.now() / 1000) + life;
    const ticket = await new SignJWT({ caller })
      .setProtectedHeader({ alg: 'HS256', typ: pinned.typ })
      .setAudience(pinned.audience)
      .setJti(freshId())
      .setExpirationTime(ends)
      .sign(this.#key);
    tickets.inc({ outcome: 'made' });
    return { ticket, expiresAt: new Date(ends * 1000).toISOString() };
  }

  /** The caller of the ticket. Refuses a ticket that is not ours, has expired, or was used, with 401. */
  async #use(ticket: string): Promise<Caller> {
    const { jti, caller } = await this.#read(ticket);
    if (!(await this.#isFirst(jti))) throw refused('The ticket was already used.');
    if (caller.expiresAt <= Date.now()) throw refused('The token of the ticket has expired.');
    return caller;
  }

  async #read(ticket: string): Promise<{ readonly jti: string; readonly caller: Caller }> {
    try {
      const { payload } = await jwtVerify<{ jti: string; caller: Caller }>(ticket, this.#key, pinned);
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) throw refused('The ticket was not issued by this service, or has expired.');
      throw error;
    }
  }

  async #isFirst(jti: string): Promise<boolean> {
    const key = `${this.config.NAMESPACE}:stream-ticket:${jti}`;
    const answer = await this.redis.set(key, '', 'EX', life + 5, 'NX').catch(() => undefined);
    if (answer !== null) tickets.inc({ outcome: answer === undefined ? 'unchecked' : 'used' });
    return answer !== null;
  }
}

function refused(detail: string): RequestRefused {
  tickets.inc({ outcome: 'refused' });
  const errors = [{ pointer: '#/sec-websocket-protocol', in: 'header' as const, code: 'invalid-ticket', detail }];
  return new RequestRefused(401, 'invalid-ticket', detail, { errors });
}
