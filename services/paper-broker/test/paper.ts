import { startTestService } from '@tradecore/service/testing';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { paperBroker } from '../src/paper-broker.module.ts';
import { PaperBroker } from '../src/paper-broker.service.ts';

/** Any JSON. */
export type Json = Record<string, unknown>;

/** An answer from the broker. */
export interface Answer<T = Json> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** The updates that a listener received. */
export interface Ear {
  readonly socket: WebSocket;
  /** Every update so far. */
  readonly heard: Json[];
  /** Events of the order with this client order id, in order of arrival. */
  events(clientOrderId: string): string[];
  close(): void;
}

/** A paper broker inside the test. */
export interface Paper {
  readonly url: string;
  call<T = Json>(method: string, path: string, body?: unknown, keys?: Keys): Promise<Answer<T>>;
  /** Posts a market order for 10 ACME, with changes; returns the answer. */
  order(changes: Json, keys?: Keys): Promise<Answer>;
  listen(keys?: Keys): Promise<Ear>;
  stop(): Promise<void>;
}

/** The keys of an account. */
export interface Keys {
  readonly id: string;
  readonly secret: string;
}

export const firstKeys: Keys = { id: 'paper', secret: 'paper-secret' };

/** Waits until the condition is true. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Calls a broker at `url`. */
export async function call<T = Json>(url: string, method: string, path: string, more: { body?: unknown; keys?: Keys } = {}) {
  const { body, keys = firstKeys } = more;
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      'APCA-API-KEY-ID': keys.id,
      'APCA-API-SECRET-KEY': keys.secret,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as T };
}

/** Subscribes to the trade updates at `url`. */
export async function listen(url: string, keys: Keys = firstKeys): Promise<Ear> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/stream`);
  const heard: Json[] = [];
  let isListening = false;
  socket.on('error', () => undefined);
  socket.on('message', (data) => {
    const { stream, data: told } = JSON.parse(String(data)) as { stream: string; data: Json };
    if (stream === 'trade_updates') heard.push(told);
    if (stream === 'listening') isListening = true;
  });
  await once(socket, 'open');
  socket.send(JSON.stringify({ action: 'authenticate', data: { key_id: keys.id, secret_key: keys.secret } }));
  socket.send(JSON.stringify({ action: 'listen', data: { streams: ['trade_updates'] } }));
  await until('listening', () => isListening);
  const isOf = (id: string) => (update: Json) => (update['order'] as Json)['client_order_id'] === id;
  return {
    socket,
    heard,
    events: (id) => heard.filter(isOf(id)).map((update) => update['event'] as string),
    close: () => socket.terminate(),
  };
}

/** Starts a paper broker; prices do not move and orders fill completely unless `env` says otherwise. */
export async function startPaper(env: Readonly<Record<string, string>> = {}): Promise<Paper> {
  const calm = { PAPER_WALK: 'off', PAPER_PARTIAL_FILLS: '0', PAPER_TICK_MS: '20' };
  const service = await startTestService(paperBroker, { ...calm, ...env });
  const { url } = service.app.get(PaperBroker, { strict: false });
  const ears: Ear[] = [];
  return {
    url,
    call: (method, path, body, keys) => call(url, method, path, { body, ...(keys && { keys }) }),
    order: (changes, keys) =>
      call(url, 'POST', '/v2/orders', {
        body: { symbol: 'ACME', qty: '10', side: 'buy', type: 'market', time_in_force: 'day', ...changes },
        ...(keys && { keys }),
      }),
    listen: async (keys) => {
      const ear = await listen(url, keys);
      ears.push(ear);
      return ear;
    },
    stop: async () => {
      for (const ear of ears) ear.close();
      await service.stop();
    },
  };
}
