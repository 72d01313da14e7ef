import { logger } from '@tradecore/telemetry';
import type { BrokerageUpdate, UnreadableOrder } from '@tradecore/trading';
import { WebSocket, type RawData } from 'ws';
import { tradeUpdate, unreadableOrder } from './shapes.ts';
import { gatewayMetrics } from '../broker-gateway.metrics.ts';

/** How to connect to the stream. */
export interface StreamSettings {
  readonly url: string;
  readonly keyId: string;
  readonly secretKey: string;
  readonly brokerage: string;
}

/** Callbacks of the stream. */
export interface StreamListener {
  /** An update. */
  updated(update: BrokerageUpdate): void;
  /** An unreadable update of this order; undefined if the order cannot be read either. */
  unreadable(order: UnreadableOrder | undefined): void;
  /** The stream is connected. It does not repeat what happened before: a sweep finds that. */
  up(): void;
}

const log = logger('broker-stream');
const pingMs = 5_000;
const openWithinMs = 10_000;
const rest = { baseMs: 100, capMs: 10_000 };
const frameLimit = 1024 * 1024;

/** Reads the brokerage's `trade_updates`: connects, authenticates, listens; reconnects when it ends or is silent. */
export class UpdateStream {
  private socket: WebSocket | undefined;
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  private listening = false;
  private stopped = true;

  /** Built once: it parses every message. */
  private readonly shape: ReturnType<typeof tradeUpdate>;

  constructor(
    private readonly settings: StreamSettings,
    private readonly listener: StreamListener,
  ) {
    this.shape = tradeUpdate(settings.brokerage);
  }

  /** Whether updates are being received. */
  get isUp(): boolean {
    return this.listening;
  }

  start(): void {
    this.stopped = false;
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.socket?.terminate();
  }

  /** Drops the connection: the stream reconnects, which requests a sweep. */
  restart(): void {
    this.socket?.terminate();
  }

  private connect(): void {
    const socket = new WebSocket(this.settings.url, {
      maxPayload: frameLimit,
      handshakeTimeout: openWithinMs,
      followRedirects: false,
      perMessageDeflate: false,
    });
    this.socket = socket;
    const silence = watch(socket);
    socket.on('open', () => {
      const { keyId, secretKey } = this.settings;
      socket.send(JSON.stringify({ action: 'auth', key: keyId, secret: secretKey }));
    });
    socket.on('message', (data) => this.heard(socket, data));
    socket.on('error', (error) => log.debug({ err: error }, 'update stream failed'));
    socket.on('close', () => {
      clearInterval(silence);
      this.ended();
    });
  }

  private ended(): void {
    if (this.listening) log.warn('update stream ended');
    this.listening = false;
    gatewayMetrics.streamUp.set(0);
    if (this.stopped) return;
    this.failures += 1;
    const ms = Math.min(rest.capMs, rest.baseMs * 2 ** Math.min(this.failures - 1, 10)) * (0.5 + Math.random() / 2);
    this.timer = setTimeout(() => this.connect(), ms);
  }

  private heard(socket: WebSocket, data: RawData): void {
    const message = parsed(data);
    if (message?.stream === 'authorization') return this.authorized(socket, message.data);
    if (message?.stream === 'listening') return this.up();
    if (message?.stream !== 'trade_updates') return log.debug({ stream: message?.stream }, 'ignored a message of another stream');
    const update = this.shape.safeParse(message.data);
    if (update.success) return this.listener.updated(update.data);
    gatewayMetrics.updates.inc({ outcome: 'bad-shape' });
    log.warn({ issue: update.error.issues[0] }, 'an update has an unknown shape');
    this.listener.unreadable(unreadableOrder((message.data as { order?: unknown } | null)?.order, update.error));
  }

  private authorized(socket: WebSocket, data: unknown): void {
    if ((data as { status?: unknown } | null)?.status === 'authorized') {
      socket.send(JSON.stringify({ action: 'listen', data: { streams: ['trade_updates'] } }));
      return;
    }
    log.error('the update stream rejected our keys');
    socket.terminate();
  }

  private up(): void {
    if (this.listening) return;
    this.listening = true;
    this.failures = 0;
    gatewayMetrics.streamUp.set(1);
    log.info('update stream connected');
    this.listener.up();
  }
}

/** Ends a connection that is silent, even to pings. */
function watch(socket: WebSocket): NodeJS.Timeout {
  let alive = true;
  socket.on('pong', () => (alive = true));
  socket.on('message', () => (alive = true));
  return setInterval(() => {
    if (!alive) return socket.terminate();
    if (socket.readyState !== WebSocket.OPEN) return;
    alive = false;
    socket.ping();
  }, pingMs);
}

/** Frames are JSON, as text or bytes. */
function parsed(data: RawData): { readonly stream?: unknown; readonly data?: unknown } | undefined {
  try {
    const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as ArrayBuffer);
    return JSON.parse(bytes.toString('utf8')) as { stream?: unknown; data?: unknown };
  } catch {
    return undefined;
  }
}
