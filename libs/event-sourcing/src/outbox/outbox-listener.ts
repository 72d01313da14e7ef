import { heartbeat } from '@tradecore/telemetry';
import { DatabaseClient } from '../sessions/database-client.ts';

const reconnectMs = { first: 100, most: 5_000 };
/** A half-open connection is silent: probe it. */
const heartbeatMs = 10_000;

/**
 * Receives notifications of new outbox rows while the relay has asked for them (`listenFor`). Only a hint: a lost one
 * loses nothing. Uses its own session and never opens a transaction: a listener in a transaction pins the server's
 * notification queue until commits fail.
 */
export class OutboxListener {
  readonly #attempt = heartbeat('outbox-listener');
  #client: DatabaseClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #waitMs = reconnectMs.first;

  /** `onNotify` is called after each notification, and after each reconnection to cover missed ones. */
  constructor(
    private readonly url: string,
    private readonly onNotify: () => void,
  ) {}

  /** Connects, and reconnects until `close`. Never throws. */
  async open(): Promise<void> {
    if (this.#closed) return;
    const options = { connectionString: this.url, application_name: 'outbox-relay listener', query_timeout: 5_000 };
    const client = new DatabaseClient(options);
    this.#client = client;
    client.on('error', () => this.#reconnect(client));
    client.on('end', () => this.#reconnect(client));
    client.on('notification', this.onNotify);
    try {
      await this.#attempt(async () => {
        await client.connect();
        await client.query('listen outbox_events');
      });
      this.#waitMs = reconnectMs.first;
      this.onNotify();
      this.#beat(client);
    } catch {
      this.#reconnect(client);
    }
  }

  /** Ends the session. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#client?.end();
  }

  #beat(client: DatabaseClient): void {
    if (client !== this.#client) return;
    this.#timer = setTimeout(() => {
      this.#attempt(() => client.query('select 1')).then(
        () => this.#beat(client),
        () => this.#reconnect(client),
      );
    }, heartbeatMs).unref();
  }

  #reconnect(client: DatabaseClient): void {
    if (client !== this.#client || this.#closed) return;
    this.#client = undefined;
    void client.end();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.open(), this.#waitMs * (0.5 + Math.random() / 2)).unref();
    this.#waitMs = Math.min(this.#waitMs * 2, reconnectMs.most);
  }
}
