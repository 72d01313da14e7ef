import {
  clientMessage,
  type ClientMessage,
  type FeedEntryResponse,
  type resyncReasons,
  type ServerMessage,
} from '@tradecore/api';
import { owns, RequestRefused, validate, type Caller } from '@tradecore/service';
import { counter } from '@tradecore/telemetry';
import type { RawData, WebSocket } from 'ws';
import type { FeedReader } from './feed-pump.ts';
import type { Feeds } from './feeds.ts';

/** Bytes waiting for a slow client, at most: no more is read for it until they are gone. */
const bufferLimit = 256 * 1024;
/** Messages of a client within ten seconds, at most. */
const messagesLimit = 100;
const messagesWindow = 10_000;
/** Milliseconds between heartbeats; a socket that answered no ping since the last is dead. */
export const heartbeatInterval = 15_000;
/** A socket lives a day at most: setTimeout takes no month, and tokens last minutes. */
const dayLimit = 24 * 60 * 60 * 1000;

/** Codes that a stream is closed with, beside those of RFC 6455. */
const closeCodes = { tokenExpired: 4401, tooManyMessages: 4429, restart: 1012, broken: 1011 } as const;

const closed = counter({
  name: 'stream_closed_total',
  help: 'Sockets that the service closed, by reason.',
  labels: { reason: [...Object.keys(closeCodes), 'dead'] as string[] },
});

/** One client's open stream: its subscriptions, and what it is sent. */
export class StreamSocket {
  readonly #stops = new Map<string, () => void>();
  readonly #timers: NodeJS.Timeout[] = [];
  #alive = true;
  #messages = 0;
  /** Messages are handled one after the other, so that answers come in their order. */
  #turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly socket: WebSocket,
    private readonly caller: Caller,
    private readonly feeds: Pick<Feeds, 'may' | 'headOf' | 'add'>,
  ) {
    const life = Math.min(caller.expiresAt - Date.now(), dayLimit);
    this.#timers.push(
      setInterval(() => this.#heartbeat(), heartbeatInterval),
      setInterval(() => (this.#messages = 0), messagesWindow),
      setTimeout(() => this.close('tokenExpired', 'the token has expired'), Math.max(0, life)),
    );
    socket.on('pong', () => (this.#alive = true));
    socket.on('message', (data, isBinary) => this.#hear(data, isBinary));
    socket.on('close', () => this.#end());
    socket.on('error', () => socket.terminate());
  }

  /** Ends the stream and says why; a client that does not answer is cut off after 2 s. */
  close(code: keyof typeof closeCodes, reason: string): void {
    closed.inc({ reason: code });
    this.socket.close(closeCodes[code], reason);
    this.#timers.push(setTimeout(() => this.socket.terminate(), 2000));
    this.#unsubscribeAll();
  }

  #end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#unsubscribeAll();
  }

  #unsubscribeAll(): void {
    for (const stop of this.#stops.values()) stop();
    this.#stops.clear();
  }

  #heartbeat(): void {
    if (!this.#alive) {
      closed.inc({ reason: 'dead' });
      return this.socket.terminate();
    }
    this.#alive = false;
    this.socket.ping();
    if (this.#canTake()) this.#tell({ type: 'heartbeat', time: new Date().toISOString() });
    void this.#lookAtAccess();
  }

  /** An operator may have ended the access to accounts that the token does not name. A database that is away ends nothing. */
  async #lookAtAccess(): Promise<void> {
    for (const [accountId, stop] of this.#stops) {
      if (owns(this.caller, accountId) || (await this.feeds.may(this.caller, accountId).catch(() => true))) continue;
      if (this.#stops.get(accountId) !== stop) continue; // subscribed again meanwhile, and checked then
      stop();
      this.#stops.delete(accountId);
      this.#tell({ type: 'unsubscribed', accountId, reason: 'access-ended' });
    }
  }

  #canTake(): boolean {
    return this.socket.readyState === this.socket.OPEN && this.socket.bufferedAmount < bufferLimit;
  }

  #tell(message: ServerMessage): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(JSON.stringify(message));
  }

  #hear(data: RawData, isBinary: boolean): void {
    this.#messages += 1;
    if (this.socket.readyState !== this.socket.OPEN) return;
    if (this.#messages > messagesLimit) {
      return this.close('tooManyMessages', `more than ${messagesLimit} messages in ${messagesWindow / 1000} s`);
    }
    this.#turn = this.#turn.then(() => this.#answer(data, isBinary)).catch((error: unknown) => this.#refuse(error));
  }

  #refuse(error: unknown): void {
    if (!(error instanceof RequestRefused)) return this.close('broken', 'the service could not do it; connect again');
    const { code, message: detail, more } = error;
    this.#tell({ type: 'problem', code, detail, ...(more.errors && { errors: [...more.errors] }) });
  }

  async #answer(data: RawData, isBinary: boolean): Promise<void> {
    const message = parse(data, isBinary);
    const { accountId } = message;
    if (!(await this.feeds.may(this.caller, accountId))) {
      throw new RequestRefused(404, 'account-not-found', 'Not found, or not visible to you.', {
        errors: [{ pointer: '#/accountId', code: 'not-found', detail: 'is no account that is visible to you' }],
      });
    }
    this.#stops.get(accountId)?.();
    this.#stops.delete(accountId);
    if (message.type === 'unsubscribe') return this.#tell({ type: 'unsubscribed', accountId });
    const position = message.after ?? (await this.feeds.headOf(accountId));
    if (this.socket.readyState !== this.socket.OPEN) return;
    this.#tell({ type: 'subscribed', accountId, ...position });
    this.#stops.set(accountId, this.feeds.add(this.#reader(accountId, position)));
  }

  #reader(accountId: string, position: FeedReader['position']): FeedReader {
    const reader: FeedReader = {
      accountId,
      position,
      canTake: () => this.#canTake(),
      take: (entries: readonly FeedEntryResponse[]) => {
        for (const entry of entries) this.#tell({ type: 'entry', ...entry });
        if (entries.some(({ change }) => change === 'accessRevoked')) void this.#lookAtAccess();
      },
      resync: (reason: (typeof resyncReasons)[number]) => this.#tell({ type: 'resync', accountId, ...reader.position, reason }),
    };
    return reader;
  }
}

function parse(data: RawData, isBinary: boolean): ClientMessage {
  let value: unknown;
  try {
    value = isBinary ? undefined : JSON.parse(String(data));
  } catch {
    value = undefined;
  }
  if (value === undefined) throw new RequestRefused(400, 'invalid-json', 'The message is not JSON text.');
  return validate(clientMessage, value, 'body');
}
