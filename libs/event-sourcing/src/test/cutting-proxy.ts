import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * What happens to the next append in the proxy:
 * `cut-after`: it reaches the server and is decided there, but the answer is lost;
 * `cut-before`: it never reaches the server;
 * `hold`: the client's connection breaks at once, the bytes reach the server when `deliver` is called.
 */
export type Cut = 'cut-after' | 'cut-before' | 'hold';

/** A TCP proxy in front of a PostgreSQL server that breaks connections at the worst moment. */
export class CuttingProxy {
  /** Fate of the next append; `undefined` passes everything. */
  next: Cut | undefined;
  /** The statement to cut at. */
  at = 'append_events';
  /** New connections are refused while set. */
  refusing = false;
  /** The server has vanished while set: nothing passes either way, silently. */
  isSilent = false;
  /** Sends the held bytes to the server. */
  deliver: () => void = () => undefined;
  /** Appends that were cut. */
  cuts = 0;
  readonly #server = createServer((client) => this.#serve(client));
  readonly #sockets = new Set<Socket>();

  private constructor(private readonly upstream: URL) {}

  /** Starts a proxy in front of the server of `url`; `proxy.urlFor(url)` connects through it. */
  static async before(url: string): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(new URL(url));
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  urlFor(url: string): string {
    const through = new URL(url);
    through.hostname = '127.0.0.1';
    through.port = String((this.#server.address() as AddressInfo).port);
    return through.href;
  }

  breakAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.breakAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(client: Socket): void {
    if (this.refusing) return void client.destroy();
    const server = connect(Number(this.upstream.port || 5432), this.upstream.hostname);
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    }
    let answer: 'pass' | 'lose' = 'pass';
    client.on('data', (bytes) => {
      // Bind of the named statement: it carries the parameters; Execute and Sync come in the same write.
      if (this.isSilent) return;
      const cut = bytes.includes(this.at) ? this.next : undefined;
      if (cut === undefined) return void server.write(bytes);
      this.next = undefined;
      this.cuts += 1;
      if (cut === 'cut-before') return void client.destroy();
      answer = 'lose';
      if (cut === 'cut-after') return void server.write(bytes);
      client.destroy();
      this.deliver = () => void server.write(bytes);
    });
    server.on('data', (bytes) => {
      if (this.isSilent) return;
      if (answer === 'pass') client.write(bytes);
      else client.destroy();
    });
    client.on('close', () => answer === 'pass' && server.destroy());
    server.on('close', () => client.destroy());
  }
}
