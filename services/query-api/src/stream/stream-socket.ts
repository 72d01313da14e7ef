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
import type { StreamCallers } from './stream-callers.ts';

/** The most bytes buffered for a slow client; nothing more is read for it until they are sent. */
const bufferLimit = 256 * 1024;
/** The most messages of a client within ten seconds. */
const messagesLimit = 100;
const messagesWindow = 10_000;
/** Milliseconds between heartbeats; a socket that has answered no ping since the last one is dead. */
export const heartbeatInterval = 15_000;
/** A socket lives at most a day: setTimeout can't wait a month, and tokens last minutes. */
const dayLimit = 24 * 60 * 60 * 1000;

/** Close codes of a stream, besides those of RFC 6455. */
const closeCodes = { tokenExpired: 4401, tooManyMessages: 4429, restart: 1012, broken: 1011 } as const;

const closed = counter({
  name: 'tradecore_stream_closed_total',
  help: 'Sockets that the service closed, by reason.',
  labels: { reason: [...Object.keys(closeCodes), 'dead'] as string[] },
});

/** The dependencies of a stream. */
export interface StreamParts {
  readonly feeds: Pick<Feeds, 'access' | 'pump'>;
  readonly callers: Pick<StreamCallers, 'named'>;
  readonly subscriptionsLimit: number;
  /** Records a refusal. */
  readonly refused: (refusal: RequestRefused) => void;
}

/** One client's open stream: its subscriptions and messages. */
export class StreamSocket {
  readonly #subscriptions = new Map<string, { readonly reader: FeedReader; readonly stop: () => void }>();
  readonly #timers: NodeJS.Timeout[] = [];
  #expiry: NodeJS.Timeout | undefined;
  #alive = true;
  #messages = 0;
  /** Messages are handled one by one, so that answers keep their order. */
  #turn: Promise<void> = Promise.resolve();
  /** Access is checked for one account at a time. */
  #checks: Promise<unknown> = Promise.resolve();
  readonly #suspect = new Set<string>();

  constructor(
    private readonly socket: WebSocket,
    private caller: Caller,
    private readonly parts: StreamParts,
  ) {
    this.#timers.push(
      setInterval(() => this.#heartbeat(), heartbeatInterval),
      setInterval(() => (this.#messages = 0), messagesWindow),
    );
    this.#endWithToken();
    socket.on('pong', () => (this.#alive = true));
    socket.on('message', (data, isBinary) => this.#hear(data, isBinary));
    socket.on('close', () => this.#end());
    socket.on('error', () => socket.terminate());
  }

  /** Closes the stream with a reason; a client that does not answer is cut off after 2 s. */
  close(code: keyof typeof closeCodes, reason: string): void {
    closed.inc({ reason: code });
    this.socket.close(closeCodes[code], reason);
    this.#timers.push(setTimeout(() => this.socket.terminate(), 2000));
    this.#unsubscribeAll();
  }

  #end(): void {
    for (const timer of [...this.#timers, this.#expiry]) clearTimeout(timer);
    this.#unsubscribeAll();
  }

  #endWithToken(): void {
    clearTimeout(this.#expiry);
    const life = Math.min(this.caller.expiresAt - Date.now(), dayLimit);
    this.#expiry = setTimeout(() => this.close('tokenExpired', 'the token has expired'), Math.max(0, life));
  }

  #unsubscribeAll(): void {
    for (const accountId of [...this.#subscriptions.keys()]) this.#unsubscribe(accountId);
  }

  #unsubscribe(accountId: string): void {
    this.#subscriptions.get(accountId)?.stop();
    this.#subscriptions.delete(accountId);
  }

  #heartbeat(): void {
    if (!this.#alive) {
      closed.inc({ reason: 'dead' });
      return this.socket.terminate();
    }
    this.#alive = false;
    this.socket.ping();
    if (this.#canTake()) this.#tell({ type: 'heartbeat', time: new Date().toISOString() });
  }

  /** Ends the subscription if the caller may no longer read the account. A database failure ends nothing. */
  checkAccess(accountId: string): void {
    if (!this.#subscriptions.has(accountId) || owns(this.caller, accountId) || this.#suspect.has(accountId)) return;
    this.#suspect.add(accountId);
    this.#endIfLost(accountId).catch(() => undefined);
  }

  async #endIfLost(accountId: string): Promise<void> {
    const subscription = this.#subscriptions.get(accountId);
    const may = await this.#may(accountId);
    // If it was subscribed again meanwhile, access was checked then.
    if (may || !subscription || this.#subscriptions.get(accountId) !== subscription) return;
    this.#unsubscribe(accountId);
    this.#tell({ type: 'unsubscribed', accountId, reason: 'access-ended' });
  }

  #may(accountId: string): Promise<boolean> {
    const checked = this.#checks.then(() => {
      this.#suspect.delete(accountId); // later revocations need another check
      return this.parts.feeds.access.may(this.caller, accountId);
    });
    this.#checks = checked.catch(() => undefined);
    return checked;
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
    if (!(error instanceof RequestRefused)) return this.close('broken', 'internal error; reconnect');
    this.parts.refused(error);
    const { code, message: detail, more } = error;
    this.#tell({ type: 'problem', code, detail, ...(more.errors && { errors: [...more.errors] }) });
  }

  async #answer(data: RawData, isBinary: boolean): Promise<void> {
    const message = parse(data, isBinary);
    if (message.type === 'authenticate') return this.#renew(message.token);
    const { accountId } = message;
    if (!(await this.#may(accountId))) {
      throw new RequestRefused(404, 'account-not-found', 'Not found, or not visible to you.', {
        errors: [{ pointer: '#/accountId', code: 'not-found', detail: 'is not an account that is visible to you' }],
        because: `account ${accountId}`,
      });
    }
    this.#unsubscribe(accountId);
    if (message.type === 'unsubscribe') return this.#tell({ type: 'unsubscribed', accountId });
    if (this.#subscriptions.size >= this.parts.subscriptionsLimit) throw tooMany(this.parts.subscriptionsLimit);
    const position = message.after ?? (await this.parts.feeds.pump.headOf(accountId));
    if (this.socket.readyState !== this.socket.OPEN) return;
    this.#tell({ type: 'subscribed', accountId, ...position });
    const reader = this.#reader(accountId, position);
    this.#subscriptions.set(accountId, { reader, stop: this.parts.feeds.pump.add(reader) });
  }

  /**
   * The stream continues with the new token and ends when it expires; accounts that only the old token named end now.
   */
  async #renew(token: string): Promise<void> {
    const caller = await this.parts.callers.named(token);
    if (caller.subject !== this.caller.subject) {
      throw new RequestRefused(403, 'other-subject', 'The token has a different subject from the stream.', {
        errors: [{ pointer: '#/token', code: 'other-subject', detail: 'has a different subject from the stream' }],
      });
    }
    this.caller = caller;
    if (this.socket.readyState !== this.socket.OPEN) return;
    this.#endWithToken();
    for (const accountId of this.#subscriptions.keys()) this.checkAccess(accountId);
    this.#tell({ type: 'authenticated', expiresAt: new Date(caller.expiresAt).toISOString() });
  }

  #reader(accountId: string, position: FeedReader['position']): FeedReader {
    const isRevoked = ({ change, data }: FeedEntryResponse) =>
      change === 'accessRevoked' && data['subject'] === this.caller.subject && !owns(this.caller, accountId);
    const reader: FeedReader = {
      accountId,
      subject: this.caller.subject,
      position,
      canTake: () => this.#canTake(),
      take: async (entries: readonly FeedEntryResponse[]) => {
        // In a replay, access may have been granted again since.
        if (entries.some(isRevoked)) await this.#endIfLost(accountId);
        if (this.#subscriptions.get(accountId)?.reader !== reader) return;
        for (const entry of entries) this.#tell({ type: 'entry', ...entry });
      },
      resync: (reason: (typeof resyncReasons)[number]) => this.#tell({ type: 'resync', accountId, ...reader.position, reason }),
    };
    return reader;
  }
}

const tooMany = (limit: number): RequestRefused =>
  new RequestRefused(
    429,
    'too-many-subscriptions',
    `A stream has at most ${limit} subscriptions: unsubscribe, or open another stream.`,
  );

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
