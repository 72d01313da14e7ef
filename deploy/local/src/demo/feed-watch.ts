import { WebSocket } from 'ws';
import { Refusal } from '../runner/console.ts';

/** One change of the account as pushed by the stream, and its time: milliseconds of `performance.now()`. */
export interface Pushed {
  readonly at: number;
  readonly sequence: number;
  readonly orderId?: string;
  readonly change: string;
  readonly data: Readonly<Record<string, unknown>>;
}

type Listener = (pushed: Pushed) => void;

/** Follows an account's stream and passes each change to its listeners. */
export class FeedWatch {
  readonly #socket: WebSocket;
  readonly #listeners = new Set<Listener>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Subscribes: listeners get every later change of the account. */
  static async open(address: string, authorization: string, accountId: string): Promise<FeedWatch> {
    const socket = new WebSocket(`${address.replace('http', 'ws')}/v1/stream`, { headers: { authorization } });
    const watch = new FeedWatch(socket);
    await new Promise<void>((resolve, reject) => {
      socket.on('message', (text) => {
        const message = JSON.parse(String(text)) as { type: string } & Omit<Pushed, 'at'>;
        if (message.type === 'subscribed') resolve();
        if (message.type === 'entry') watch.#tell({ ...message, at: performance.now() });
      });
      socket.once('open', () => socket.send(JSON.stringify({ type: 'subscribe', accountId })));
      socket.once('error', (error) => reject(new Refusal(`The stream can't be opened: ${error.message}`)));
    });
    return watch;
  }

  /** Calls `listener` with each change until the returned function is called. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#socket.terminate();
  }

  #tell(pushed: Pushed): void {
    for (const listener of this.#listeners) listener(pushed);
  }
}
