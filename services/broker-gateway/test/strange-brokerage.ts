import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';

type Json = Record<string, unknown>;

/** A brokerage that does more than the paper broker: it proxies one, HTTP and stream, and adds its own entries. */
export class StrangeBrokerage {
  /** Shown in every list of orders, and by id. */
  orders: Json[] = [];
  /** Shown among the executions. */
  fills: Json[] = [];
  /** Listed with the paper broker's instruments; they cost 5. */
  assets: Json[] = [];
  /** Price requests with this symbol are refused; those with the next are answered 500. */
  refused = '';
  broken = '';
  /** Stream connections so far. */
  connections = 0;
  private readonly http = createServer((request, response) => void this.answer(request, response));
  private readonly stream = new WebSocketServer({ server: this.http, path: '/stream' });

  private constructor(private readonly paperUrl: string) {
    this.stream.on('connection', (client) => {
      this.connections += 1;
      const paper = new WebSocket(`${paperUrl.replace('http', 'ws')}/stream`);
      const opened = once(paper, 'open');
      client.on('message', (data) => void opened.then(() => paper.send(data)));
      paper.on('message', (data) => client.send(data));
      client.on('close', () => paper.terminate());
      paper.on('close', () => client.terminate());
      paper.on('error', () => client.terminate());
    });
  }

  static async before(paperUrl: string): Promise<StrangeBrokerage> {
    const brokerage = new StrangeBrokerage(paperUrl);
    brokerage.http.listen(0, '127.0.0.1');
    await once(brokerage.http, 'listening');
    return brokerage;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  /** Sends an update. */
  tell(data: unknown): void {
    for (const client of this.stream.clients) client.send(Buffer.from(JSON.stringify({ stream: 'trade_updates', data })));
  }

  async stop(): Promise<void> {
    for (const client of this.stream.clients) client.terminate();
    this.http.closeAllConnections();
    this.http.close();
    await once(this.http, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', this.url);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const own = this.ownAnswer(pathname, searchParams);
    if (own) return void response.writeHead(own.status).end(JSON.stringify(own.body));
    const { method = 'GET', headers } = request;
    const keys = ['apca-api-key-id', 'apca-api-secret-key', 'content-type'].flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value] as [string, string]] : [];
    });
    const body = chunks.length > 0 ? { body: Buffer.concat(chunks) } : {};
    const answer = await fetch(`${this.paperUrl}${request.url}`, { method, headers: keys, ...body });
    const text = await answer.text();
    response
      .writeHead(answer.status)
      .end(method === 'GET' && answer.ok ? JSON.stringify(this.more(pathname, searchParams, JSON.parse(text))) : text);
  }

  private ownAnswer(pathname: string, query: URLSearchParams): { status: number; body: unknown } | undefined {
    const named = this.orders.find(({ id }) => pathname === `/v2/orders/${id}`);
    if (named) return { status: 200, body: named };
    if (pathname !== '/v2/stocks/trades/latest') return undefined;
    const symbols = query.get('symbols')?.split(',') ?? [];
    if (symbols.includes(this.refused)) return { status: 400, body: { message: `invalid symbol: ${this.refused}` } };
    if (symbols.includes(this.broken)) return { status: 500, body: {} };
    return undefined;
  }

  private more(pathname: string, query: URLSearchParams, body: unknown): unknown {
    if (pathname === '/v2/orders') return [...(body as Json[]), ...this.orders];
    if (pathname === '/v2/account/activities/FILL') return [...(body as Json[]), ...this.fills];
    if (pathname === '/v2/assets') return [...(body as Json[]), ...this.assets];
    if (pathname !== '/v2/stocks/trades/latest') return body;
    const asked = new Set(query.get('symbols')?.split(','));
    const own = this.assets.filter(({ symbol }) => asked.has(String(symbol)));
    const priced = own.map(({ symbol }) => [symbol, { t: new Date().toISOString(), p: 5 }]);
    return { trades: { ...Object.fromEntries(priced), ...(body as { trades: Json }).trades } };
  }
}
