import { createBroker, partitionKey } from '@tradecore/messaging';
import { orderIdFor } from '@tradecore/events';
import pg from 'pg';
import { WebSocket } from 'ws';
import { Refusal, say } from './console.ts';
import { readFleetFile } from './fleet-file.ts';
import { home } from './home.ts';
import { demoAccount, demoSubject, LocalIssuer } from './issuer.ts';

/** One thing that was seen, and when: milliseconds after the request was sent. */
interface Sighting {
  readonly at: number;
  readonly what: string;
  readonly detail: string;
}

/** How long a sighting may take before the demo gives it up. */
const patienceMs = 15_000;
const series = 20;

/** Places an order on the running fleet and shows it as it goes: request, stored event, topic and offset, read-model row. */
export async function demo(): Promise<number> {
  const stage = await Stage.open();
  try {
    say(`An order of account ${demoAccount} on its way through ${stage.address}\n`);
    const first = await stage.placeOrder();
    for (const { at, what, detail } of first.sort((a, b) => a.at - b.at))
      say(`${at.toFixed(1).padStart(9)} ms  ${what.padEnd(14)} ${detail}`);
    say(
      `\nThe first order meets a fleet that has just begun. ${series} more, the middle of each (ms after the request was sent):\n`,
    );
    const more = [];
    for (let count = 0; count < series; count += 1) more.push(await stage.placeOrder());
    for (const { what } of more[0] ?? []) {
      const times = more.map((sightings) => sightings.find((each) => each.what === what)?.at ?? Infinity).sort((a, b) => a - b);
      say(`${(times[series / 2] ?? 0).toFixed(1).padStart(9)} ms  ${what}`);
    }
    return 0;
  } finally {
    await stage.close();
  }
}

/** The places from where the demo watches, opened before the order is sent. */
class Stage {
  readonly address: string;
  readonly #token: string;
  readonly #database: pg.Client;
  readonly #broker: ReturnType<typeof createBroker>;
  readonly #socket: WebSocket;
  readonly #records = new Watch<string>();
  readonly #pushes = new Watch<string>();

  private constructor(address: string, token: string, database: pg.Client, broker: ReturnType<typeof createBroker>) {
    this.address = address;
    this.#token = token;
    this.#database = database;
    this.#broker = broker;
    this.#socket = new WebSocket(`${address.replace('http', 'ws')}/v1/stream`, { headers: { authorization: `Bearer ${token}` } });
  }

  static async open(): Promise<Stage> {
    const { address, namespace, KAFKA_BROKERS, DATABASE_URL } = readFleetFile(home);
    const token = await (await LocalIssuer.open(home)).token({ subject: demoSubject, accounts: [demoAccount], role: 'client' });
    const database = new pg.Client({ connectionString: DATABASE_URL });
    await database.connect();
    const stage = new Stage(
      address,
      token,
      database,
      createBroker({ brokers: KAFKA_BROKERS.split(','), clientId: 'demo', namespace }),
    );
    await Promise.all([stage.#watchTopic(), stage.#watchStream()]);
    return stage;
  }

  /** Sends one order and returns what was seen of it. */
  async placeOrder(): Promise<Sighting[]> {
    const clientOrderId = `demo-${crypto.randomUUID()}`;
    const id = orderIdFor(demoAccount, clientOrderId);
    const terms = { symbol: 'ACME', side: 'buy', type: 'limit', quantity: '10', limitPrice: '99.5', timeInForce: 'day' };
    const body = { accountId: demoAccount, clientOrderId, ...terms };
    const sent = performance.now();
    const seen = async (what: string, detail: Promise<string>): Promise<Sighting> => {
      const text = await detail;
      return { at: performance.now() - sent, what, detail: text };
    };
    const request = { at: 0, what: 'request', detail: `POST /v1/orders ${JSON.stringify(body)}` };
    return [
      request,
      ...(await Promise.all([
        seen('event stored', this.#storedEvent(id)),
        seen('answer', this.#answer(body)),
        seen('on the topic', this.#records.next(id)),
        seen('row readable', this.#row(id)),
        seen('pushed', this.#pushes.next(id)),
      ])),
    ];
  }

  async close(): Promise<void> {
    this.#socket.terminate();
    await Promise.all([this.#broker.close(), this.#database.end()]);
  }

  async #answer(body: object): Promise<string> {
    const headers = { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' };
    const response = await fetch(`${this.address}/v1/orders`, { method: 'POST', headers, body: JSON.stringify(body) });
    const text = await response.text();
    if (response.status !== 201) throw new Refusal(`The order was refused with ${response.status}: ${text}`);
    return `201 Created, Location ${response.headers.get('location')}, ETag ${response.headers.get('etag')}`;
  }

  #storedEvent(id: string): Promise<string> {
    const select = `select event_type || ' in event_store, version ' || aggregate_version || ', event ' || event_id as found from event_store where aggregate_id = $1`;
    return this.#untilFound(select, id);
  }

  #row(id: string): Promise<string> {
    const select = `select 'order_projector.exported_orders: ' || quantity || ' ' || symbol || ', ' || status || ', version ' || version as found
      from order_projector.exported_orders where order_id = $1`;
    return this.#untilFound(select, id);
  }

  /** Asks each millisecond, as nothing tells a client of PostgreSQL that a row has come. */
  async #untilFound(select: string, id: string): Promise<string> {
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline) {
      const { rows } = await this.#database.query<{ found: string }>({ name: select.slice(0, 40), text: select, values: [id] });
      if (rows[0]) return rows[0].found;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    throw new Refusal(`Order ${id} was not seen within ${patienceMs / 1000} s: ${select}`);
  }

  /** Reads the topic from its present end, as any `read_committed` consumer would. */
  async #watchTopic(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#broker.runConsumer({
      group: `demo-${crypto.randomUUID()}`,
      topics: ['transport.order-events'],
      positions: async (assigned) => new Map(assigned.map((each) => [partitionKey(each), each.endOffset])),
      onAssigned: () => resolve(),
      onBatch: async ({ topic, partition, messages }) => {
        for (const { key, offset } of messages)
          this.#records.saw(String(key), `${topic}, partition ${partition}, offset ${offset}`);
      },
    });
    await promise;
  }

  async #watchStream(): Promise<void> {
    this.#socket.on('message', (data) => {
      const text = String(data);
      const orderId = /"orderId":"([^"]+)"/.exec(text)?.[1];
      const sequence = /"sequence":(\d+)/.exec(text)?.[1];
      if (orderId) this.#pushes.saw(orderId, `WebSocket /v1/stream, change ${sequence} of the account`);
    });
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('open', () => resolve());
      this.#socket.once('error', (error) => reject(new Refusal(`The stream can't be opened: ${error.message}`)));
    });
    this.#socket.send(JSON.stringify({ type: 'subscribe', accountId: demoAccount }));
  }
}

/** Sightings that others report, by id; whoever waits for one gets it whenever it comes. */
class Watch<T> {
  readonly #seen = new Map<string, PromiseWithResolvers<T>>();

  saw(id: string, value: T): void {
    this.#of(id).resolve(value);
  }

  /** Rejects after the demo's patience. */
  next(id: string): Promise<T> {
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Refusal(`Order ${id} was not seen within ${patienceMs / 1000} s.`)), patienceMs).unref();
    });
    return Promise.race([this.#of(id).promise, late]);
  }

  #of(id: string): PromiseWithResolvers<T> {
    const known = this.#seen.get(id) ?? Promise.withResolvers<T>();
    this.#seen.set(id, known);
    return known;
  }
}
