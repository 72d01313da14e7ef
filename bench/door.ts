import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { freshId, topics } from '@tradecore/events';
import { publishMarket, sampleQuote, sampleSession } from '@tradecore/market-data/testing';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { createTestIssuer, unlimited } from '@tradecore/service/testing';

/** What a door answered, and after how long. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly milliseconds: number;
}

/** A running API that has read the market: it accepts an order. */
export interface Door {
  readonly orders: URL;
  readonly accounts: URL;
  readonly pid: number;
}

/** A limit order of one share. */
export const terms = (accountId: string): object => ({
  ...{ accountId, clientOrderId: freshId(), symbol: 'ACME', side: 'buy', type: 'limit' },
  ...{ quantity: '1', limitPrice: '100', timeInForce: 'day' },
});

type Issuer = Awaited<ReturnType<typeof createTestIssuer>>;

/** A store and a market for doors, and a client of theirs; nothing else runs. */
export class Ground {
  readonly database: TestDatabase;
  readonly #kafka: TestKafka;
  readonly #issuer: Issuer;
  readonly #authorization: string;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #doors = new Set<ChildProcess>();

  private constructor(database: TestDatabase, kafka: TestKafka, { issuer, token }: { issuer: Issuer; token: string }) {
    this.database = database;
    this.#kafka = kafka;
    this.#issuer = issuer;
    this.#authorization = `Bearer ${token}`;
  }

  static async start(): Promise<Ground> {
    const database = await createTestDatabase();
    const kafka = await createTestKafka({ declarations: [topics.marketData] });
    const issuer = await createTestIssuer();
    await publishMarket(kafka.kafka, sampleSession(), sampleQuote());
    const token = await issuer.token({ subject: 'bench', role: 'operator', expiresIn: 3600 });
    return new Ground(database, kafka, { issuer, token });
  }

  /** With further flags of Node.js and settings. */
  async openDoor(flags: readonly string[] = [], settings: Readonly<Record<string, string>> = {}): Promise<Door> {
    const [port, adminPort] = [await freePort(), await freePort()];
    const main = fileURLToPath(new URL('../services/command-api/dist/main.js', import.meta.url));
    const env = {
      DATABASE_URL: this.database.urlFor('command-api'),
      KAFKA_BROKERS: this.#kafka.brokers.join(','),
      NAMESPACE: this.#kafka.namespace,
      REDIS_URL: process.env['REDIS_URL'] ?? '',
      ...unlimited,
      ...this.#issuer.env,
      ...{ PORT: String(port), ADMIN_PORT: String(adminPort), LOG_LEVEL: 'warn' },
      ...settings,
    };
    const child = spawn(process.execPath, [...flags, main], { env: { ...process.env, ...env }, stdio: 'inherit' });
    this.#doors.add(child);
    for (;;) {
      const page = await fetch(`http://127.0.0.1:${adminPort}/metrics`).then(
        (answer) => answer.text(),
        () => '',
      );
      if (/^tradecore_market_data_read 1$/m.test(page)) break;
      await sleep(50);
    }
    const address = `http://127.0.0.1:${port}`;
    return { orders: new URL('/v1/orders', address), accounts: new URL('/v1/accounts', address), pid: child.pid ?? 0 };
  }

  async openAccount({ accounts }: Door, money: string): Promise<string> {
    const { body } = await this.post(accounts, {}, { 'idempotency-key': freshId() });
    const id = body['id'] as string;
    await this.post(new URL(`/v1/accounts/${id}/deposits`, accounts), { amount: money }, { 'idempotency-key': freshId() });
    return id;
  }

  /**
   * A connection closed just as it was reused says nothing about the API: the request has a name and is sent once more.
   */
  post(url: URL, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.#send(url, body, headers).catch(() => this.#send(url, body, headers));
  }

  #send(url: URL, body: object, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const text = JSON.stringify(body);
    const started = performance.now();
    const own = { authorization: this.#authorization, 'content-type': 'application/json' };
    const all = { ...own, 'content-length': Buffer.byteLength(text), ...headers };
    return new Promise((resolve, reject) => {
      const sent = request(url, { method: 'POST', agent: this.#agent, headers: all }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const milliseconds = performance.now() - started;
          const answer = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
          resolve({ status: response.statusCode ?? 0, body: answer, milliseconds });
        });
      });
      sent.on('error', reject).end(text);
    });
  }

  async closeDoors(): Promise<void> {
    for (const child of this.#doors) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    this.#doors.clear();
  }

  async close(): Promise<void> {
    for (const child of this.#doors) child.kill('SIGKILL');
    this.#agent.destroy();
    await this.#issuer.close();
    await Promise.all([this.#kafka.drop(), this.database.drop()]);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
