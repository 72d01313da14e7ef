import { freshId } from '@tradecore/events';
import { feedHeads } from '@tradecore/read-models';
import type { ServerMessage } from '@tradecore/api';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { TestQueryApi } from './query-api.ts';

type Entry = Extract<ServerMessage, { type: 'entry' }>;

/** A client that keeps what it receives. */
export class StreamClient {
  readonly heard: ServerMessage[] = [];
  readonly closed: Promise<number>;
  constructor(readonly socket: WebSocket) {
    socket.on('message', (data) => this.heard.push(JSON.parse(String(data)) as ServerMessage));
    this.closed = new Promise((resolve) => socket.on('close', (code) => resolve(code)));
  }
  static async open(
    accounts: readonly string[],
    more: { subject?: string; expiresIn?: number },
    at: TestQueryApi,
  ): Promise<StreamClient> {
    const authorization = await at.bearer(accounts, { subject: freshId(), ...more });
    const client = new StreamClient(new WebSocket(streamUrl(at), { headers: { authorization } }));
    await once(client.socket, 'open');
    return client;
  }
  say(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }
  async until<T>(look: () => T | undefined | false): Promise<T> {
    for (;;) {
      const found = look();
      if (found) return found;
      await once(this.socket, 'message', { signal: AbortSignal.timeout(15_000) });
    }
  }
  entries(): Entry[] {
    return this.heard.filter((each): each is Entry => each.type === 'entry');
  }
  last(type: ServerMessage['type']): Promise<ServerMessage> {
    return this.until(() => this.heard.findLast((each) => each.type === type));
  }
}

export const streamUrl = (at: TestQueryApi): string => `${at.service.url?.replace('http', 'ws')}/v1/stream`;

/** The epoch of the feeds. */
export const epochOf = async ({ models }: TestQueryApi): Promise<string> =>
  [...(await feedHeads(models.database.dataSource, [freshId()])).values()][0]?.epoch ?? '';
