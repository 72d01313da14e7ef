import type { WebSocket } from 'ws';
import { z } from 'zod';
import type { Accounts } from './accounts.ts';
import { tradeJson } from './alpaca-json.ts';
import { messageIn } from './door.ts';
import type { Exchange } from './exchange/index.ts';

/** With more bytes than this waiting, a slow client misses prices: the next ones are as good. */
const bufferLimit = 256 * 1024;
const symbolsLimit = 1000;

const none = z.array(z.string()).max(0, 'only trades are supported by the paper broker').optional();

/** Subscriptions that Alpaca has besides trades are refused, not ignored. */
const message = z.strictObject({
  action: z.enum(['auth', 'subscribe', 'unsubscribe']),
  key: z.string().optional(),
  secret: z.string().optional(),
  trades: z.array(z.string()).max(symbolsLimit).optional(),
  quotes: none,
  bars: none,
});

interface Client {
  isAuthenticated: boolean;
  readonly trades: Set<string>;
  /** Sequence of the last price sent, by symbol. */
  readonly told: Map<string, number>;
}

/** `/v2/{feed}` of Alpaca's market data, in JSON: trades of the symbols that a client subscribes to, `*` for all. */
export class MarketStream {
  readonly #clients = new Map<WebSocket, Client>();

  constructor(
    private readonly accounts: Accounts,
    private readonly exchange: Exchange,
  ) {}

  /** Takes over a connected client. */
  take(socket: WebSocket): void {
    this.#clients.set(socket, { isAuthenticated: false, trades: new Set(), told: new Map() });
    socket.on('close', () => this.#clients.delete(socket));
    socket.on('message', (data) => this.#hear(socket, String(data)));
    tell(socket, [{ T: 'success', msg: 'connected' }]);
  }

  /** Sends every client the prices that are new to it. */
  publish(): void {
    for (const [socket, client] of this.#clients) {
      if (client.trades.size === 0 || socket.bufferedAmount > bufferLimit) continue;
      const news = this.exchange.instruments.flatMap(({ symbol }) => this.#newsOf(symbol, client));
      if (news.length > 0) tell(socket, news);
    }
  }

  #newsOf(symbol: string, { trades, told }: Client): object[] {
    if (!trades.has(symbol) && !trades.has('*')) return [];
    const quote = this.exchange.quote(symbol);
    if (told.get(symbol) === quote.sequence) return [];
    told.set(symbol, quote.sequence);
    return [{ T: 't', S: symbol, ...tradeJson(quote) }];
  }

  #hear(socket: WebSocket, text: string): void {
    const client = this.#clients.get(socket);
    const heard = messageIn(message, text);
    if (!client) return;
    if (typeof heard === 'string') return tell(socket, [{ T: 'error', code: 400, msg: heard }]);
    if (heard.action === 'auth') return this.#authenticate(socket, client, heard);
    if (!client.isAuthenticated) return tell(socket, [{ T: 'error', code: 401, msg: 'not authenticated' }]);
    for (const symbol of heard.trades ?? []) {
      if (heard.action === 'subscribe') client.trades.add(symbol);
      else client.trades.delete(symbol);
    }
    tell(socket, [{ T: 'subscription', trades: [...client.trades], quotes: [], bars: [] }]);
  }

  #authenticate(socket: WebSocket, client: Client, { key, secret }: z.output<typeof message>): void {
    client.isAuthenticated = this.accounts.find(key, secret) !== undefined;
    const failed = { T: 'error', code: 402, msg: 'auth failed' };
    tell(socket, [client.isAuthenticated ? { T: 'success', msg: 'authenticated' } : failed]);
  }
}

const tell = (socket: WebSocket, messages: readonly object[]): void => socket.send(JSON.stringify(messages));
