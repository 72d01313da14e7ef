import { gauge } from '@tradecore/telemetry';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import type { Accounts } from './accounts.ts';
import { updateJson } from './alpaca-json.ts';
import { messageIn } from './door.ts';
import { streamFaults, type Exchange, type Update } from './exchange/index.ts';

/** With more bytes than this waiting, a slow client is cut off: nothing is sent twice. */
const bufferLimit = 4 * 1024 * 1024;
/** An update held back for the next one is sent after this many milliseconds if there is none. */
const heldMs = 200;

const listening = gauge({ name: 'tradecore_paper_stream_sockets', help: 'Sockets subscribed to trade updates.' });

const message = z.object({
  action: z.string(),
  key: z.string().optional(),
  secret: z.string().optional(),
  data: z
    .object({ key_id: z.string().optional(), secret_key: z.string().optional(), streams: z.array(z.string()).optional() })
    .optional(),
});

interface Client {
  account?: string;
  listens: boolean;
  /** It gets no more updates until it reconnects. */
  isDeaf: boolean;
}

/**
 * `/stream` of Alpaca's paper trading: JSON in binary frames; authenticate, listen, then `trade_updates`. Nothing is
 * repeated: a client that was disconnected must ask over HTTP.
 */
export class TradeUpdates {
  readonly #clients = new Map<WebSocket, Client>();
  readonly #held = new Map<string, { update: Update; timer: NodeJS.Timeout }>();

  constructor(
    private readonly accounts: Accounts,
    private readonly exchange: Exchange,
  ) {}

  /** Takes over a connected client. */
  take(socket: WebSocket): void {
    this.#clients.set(socket, { listens: false, isDeaf: false });
    socket.on('close', () => {
      this.#clients.delete(socket);
      this.#count();
    });
    socket.on('message', (data) => this.#hear(socket, String(data)));
  }

  /** Sends each account its updates, with the faults scripted for them. */
  publish(updates: readonly Update[]): void {
    for (const update of updates) this.#publish(update);
  }

  /** Drops updates that are held back. */
  stop(): void {
    for (const { timer } of this.#held.values()) clearTimeout(timer);
    this.#held.clear();
  }

  #publish(update: Update): void {
    const { account, symbol } = update.order;
    if (![...this.#clients.values()].some((client) => client.listens && client.account === account)) return;
    const fault = this.exchange.fault(streamFaults, { account, symbol });
    if (fault?.kind === 'stream-gap') this.#deafen(account, fault.ms);
    if (fault?.kind === 'out-of-order-updates' && !this.#held.has(account)) return this.#hold(update);
    this.#tell(update);
    if (fault?.kind === 'duplicate-updates') this.#tell(update);
    this.#release(account);
  }

  #hold(update: Update): void {
    const { account } = update.order;
    this.#held.set(account, { update, timer: setTimeout(() => this.#release(account), heldMs) });
  }

  #release(account: string): void {
    const held = this.#held.get(account);
    if (!held) return;
    clearTimeout(held.timer);
    this.#held.delete(account);
    this.#tell(held.update);
  }

  #deafen(account: string, ms: number | undefined): void {
    for (const [socket, client] of this.#clients) {
      if (client.account !== account) continue;
      client.isDeaf = true;
      if (ms !== undefined) setTimeout(() => socket.terminate(), ms).unref();
    }
  }

  #tell(update: Update): void {
    const frame = frameOf('trade_updates', updateJson(update));
    for (const [socket, client] of this.#clients) {
      if (!client.listens || client.isDeaf || client.account !== update.order.account) continue;
      if (socket.bufferedAmount > bufferLimit) socket.terminate();
      else socket.send(frame, { binary: true });
    }
  }

  #hear(socket: WebSocket, text: string): void {
    const client = this.#clients.get(socket);
    const heard = messageIn(message, text);
    if (!client || typeof heard === 'string') return socket.close(1008, 'invalid message');
    if (heard.action === 'authenticate' || heard.action === 'auth') return this.#authenticate(socket, client, heard);
    if (heard.action !== 'listen') return socket.close(1008, 'invalid message');
    if (client.account === undefined) {
      return socket.send(frameOf('authorization', { status: 'unauthorized', action: 'listen' }), { binary: true });
    }
    const streams = (heard.data?.streams ?? []).filter((each) => each === 'trade_updates');
    client.listens = streams.length > 0;
    this.#count();
    socket.send(frameOf('listening', { streams }), { binary: true });
  }

  #authenticate(socket: WebSocket, client: Client, { key, secret, data }: z.output<typeof message>): void {
    const account = this.accounts.find(key ?? data?.key_id, secret ?? data?.secret_key);
    const status = account ? 'authorized' : 'unauthorized';
    socket.send(frameOf('authorization', { status, action: 'authenticate' }), { binary: true });
    if (account) client.account = account.id;
    else socket.close(1008, 'unauthorized');
  }

  #count(): void {
    listening.set([...this.#clients.values()].filter(({ listens }) => listens).length);
  }
}

const frameOf = (stream: string, data: object): Buffer => Buffer.from(JSON.stringify({ stream, data }));
