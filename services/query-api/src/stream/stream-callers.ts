import { Inject, Injectable } from '@nestjs/common';
import { freshId } from '@tradecore/events';
import { Authenticator, RequestRefused, tokens, type Caller } from '@tradecore/service';
import { counter, logger } from '@tradecore/telemetry';
import { Redis } from 'ioredis';
import { errors, jwtVerify, SignJWT } from 'jose';
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { QueryConfig } from '../settings.ts';

/** Seconds that a ticket is good for. */
const life = 30;
const pinned = { typ: 'stream-ticket+jwt', algorithms: ['HS256'], audience: 'stream', requiredClaims: ['exp', 'jti'] };

const log = logger('tickets');
const tickets = counter({
  name: 'stream_tickets_total',
  help: 'Tickets for streams: made, used, refused, and used while Redis could not say whether for the first time.',
  labels: { outcome: ['made', 'used', 'refused', 'unchecked'] },
});

/**
 * Who opens a stream, by token or by ticket: a browser can't send a header with the upgrade to a WebSocket, and a token in a URL lands in logs. A ticket
 * says who its bearer is, is good for 30 s, and for one stream while Redis answers. No cookie opens a stream, so there is no Origin to check.
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
    if (key === undefined) log.info('STREAM_TICKET_KEY is not set: tickets for streams are good at this instance only');
    this.#key = key === undefined ? randomBytes(32) : new TextEncoder().encode(key);
  }

  /** The caller whom the headers of an upgrade name. */
  of({ authorization, 'sec-websocket-protocol': offered = '' }: IncomingHttpHeaders): Promise<Caller> {
    const ticket = /(?:^|,)\s*ticket\.([^\s,]+)/.exec(offered)?.[1];
    return authorization === undefined && ticket !== undefined
      ? this.#use(ticket)
      : this.authenticator.admit(authorization, 'read');
  }

  /** The caller whom a token names that is sent on an open stream. */
  named(token: string): Promise<Caller> {
    return this.authenticator.admit(`Bearer ${token}`, 'read');
  }

  /** A ticket for the caller, and when it ends. */
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

  /** The caller for whom the ticket was made. Refuses with 401 one that is not ours, is over, or was used. */
  async #use(ticket: string): Promise<Caller> {
    const { jti, caller } = await this.#read(ticket);
    if (!(await this.#isFirst(jti))) throw refused('The ticket was used.');
    if (caller.expiresAt <= Date.now()) throw refused('The token of the ticket has expired.');
    return caller;
  }

  async #read(ticket: string): Promise<{ readonly jti: string; readonly caller: Caller }> {
    try {
      const { payload } = await jwtVerify<{ jti: string; caller: Caller }>(ticket, this.#key, pinned);
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) throw refused('The ticket is not one of this service, or is over.');
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
