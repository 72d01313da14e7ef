import { newSession, type Session } from './session.ts';

const reconnectMs = { first: 100, most: 5_000 };
/** A half-open connection says nothing: ask it. */
const heartbeatMs = 10_000;

/**
 * Hears of new rows in the outbox while the relay has asked for it (`fallAsleep`). A hint: nothing is lost when it is deaf.
 * A session of its own that never opens a transaction, for a listener in one pins the server's queue of notifications until commits fail.
 */
export class OutboxListener {
  #session: Session | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #waitMs = reconnectMs.first;

  /** `onNotify` is called after each notification, and after each reconnection, for what came meanwhile. */
  constructor(
    private readonly url: string,
    private readonly onNotify: () => void,
  ) {}

  /** Connects, and from then on whenever the connection is lost, until `close`. Never throws. */
  async open(): Promise<void> {
    if (this.#closed) return;
    const session = newSession({ connectionString: this.url, application_name: 'outbox-relay listener', query_timeout: 5_000 });
    const { client } = session;
    this.#session = session;
    client.on('error', () => this.#reconnect(session));
    client.on('end', () => this.#reconnect(session));
    client.on('notification', this.onNotify);
    try {
      await client.connect();
      await client.query('listen outbox_events');
      this.#waitMs = reconnectMs.first;
      this.onNotify();
      this.#beat(session);
    } catch {
      this.#reconnect(session);
    }
  }

  /** Ends the session. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#session?.end();
  }

  #beat(session: Session): void {
    if (session !== this.#session) return;
    this.#timer = setTimeout(() => {
      session.client.query('select 1').then(
        () => this.#beat(session),
        () => this.#reconnect(session),
      );
    }, heartbeatMs).unref();
  }

  #reconnect(session: Session): void {
    if (session !== this.#session || this.#closed) return;
    this.#session = undefined;
    void session.end();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.open(), this.#waitMs * (0.5 + Math.random() / 2)).unref();
    this.#waitMs = Math.min(this.#waitMs * 2, reconnectMs.most);
  }
}
