import { WebSocket } from 'ws';

/** One entry of an account's feed as pushed by the stream. */
export interface Entry {
  readonly epoch: string;
  readonly sequence: number;
  readonly eventId: string;
}

/** A client that follows an account's stream as documented: after a disconnect it resumes after its last entry. */
export class StreamClient {
  readonly entries: Entry[] = [];
  readonly resyncs: string[] = [];
  readonly #subscribed = Promise.withResolvers<void>();
  #position: { readonly epoch: string; readonly sequence: number } | undefined;
  #socket: WebSocket | undefined;
  #isWanted = true;
  readonly #address: string;
  readonly #accountId: string;
  readonly #authorization: string;

  constructor(address: string, accountId: string, authorization: string) {
    this.#address = address;
    this.#accountId = accountId;
    this.#authorization = authorization;
    this.#connect();
  }

  /** Resolves at the first subscription: every later change will be an entry. */
  get subscribed(): Promise<void> {
    return this.#subscribed.promise;
  }

  close(): void {
    this.#isWanted = false;
    this.#socket?.terminate();
  }

  #connect(): void {
    if (!this.#isWanted) return;
    const url = `${this.#address.replace('http', 'ws')}/v1/stream`;
    const socket = new WebSocket(url, { headers: { authorization: this.#authorization }, handshakeTimeout: 2000 });
    this.#socket = socket;
    socket.on('error', () => socket.terminate());
    socket.on('open', () => {
      const after = this.#position && { epoch: this.#position.epoch, sequence: this.#position.sequence };
      socket.send(JSON.stringify({ type: 'subscribe', accountId: this.#accountId, ...(after && { after }) }));
    });
    socket.on('message', (data) => this.#hear(JSON.parse(String(data)) as { type: string } & Entry));
    socket.on('close', () => setTimeout(() => this.#connect(), 100));
  }

  #hear(message: { type: string } & Entry): void {
    if (message.type === 'entry') this.entries.push(message);
    if (message.type === 'resync') this.resyncs.push(JSON.stringify(message));
    if (['entry', 'subscribed', 'resync'].includes(message.type)) this.#position = message;
    this.#subscribed.resolve();
  }
}
