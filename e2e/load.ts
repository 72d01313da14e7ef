import { createEventStore } from '@tradecore/event-sourcing';
import { catalogue, freshId, orderIdFor, type OrderTerms } from '@tradecore/events';
import { runInContext } from '@tradecore/telemetry';
import { Order } from '@tradecore/trading';
import { DataSource } from 'typeorm';

const terms = { symbol: 'ACME', side: 'buy', type: 'market', quantity: '1', timeInForce: 'day' } as const;

/** Clients that place and cancel orders, and repeat what was not answered, until they are stopped. */
export class HttpLoad {
  /** Ids of orders whose placing was acknowledged. */
  readonly acknowledged: string[] = [];
  /** Answers that no client expects: they fail the test. */
  readonly surprises: string[] = [];
  readonly #workers: Promise<void>[];
  #isRunning = true;

  constructor(
    private readonly address: string,
    private readonly accountId: string,
    private readonly authorization: string,
    workers: number,
  ) {
    this.#workers = Array.from({ length: workers }, (_, worker) => this.#work(worker));
  }

  /** Resolves when each client has the answer to its last request. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await Promise.all(this.#workers);
  }

  async #work(worker: number): Promise<void> {
    for (let count = 0; this.#isRunning; count += 1) {
      const clientOrderId = `http-${worker}-${count}`;
      const body = { accountId: this.accountId, clientOrderId, ...terms };
      await this.#untilAnswered('/v1/orders', body, [200, 201]);
      const id = orderIdFor(this.accountId, clientOrderId);
      this.acknowledged.push(id);
      // 409: the first attempt was stored, its answer was lost with the process.
      if (count % 3 === 0) await this.#untilAnswered(`/v1/orders/${id}/cancel`, {}, [202, 409]);
    }
  }

  async #untilAnswered(path: string, body: object, expected: readonly number[]): Promise<void> {
    for (;;) {
      const status = await this.#post(path, body);
      if (expected.includes(status)) return;
      if (status !== 0 && status !== 503) this.surprises.push(`POST ${path}: ${status}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** The status; 0 when the connection broke. */
  async #post(path: string, body: object): Promise<number> {
    const headers = { authorization: this.authorization, 'content-type': 'application/json' };
    try {
      const signal = AbortSignal.timeout(10_000);
      const response = await fetch(`${this.address}${path}`, { method: 'POST', headers, body: JSON.stringify(body), signal });
      await response.arrayBuffer();
      return response.status;
    } catch {
      return 0;
    }
  }
}

/** A writer beside the door, under its login: saves of several events and of several aggregates. Runs until `isOver`. */
export async function saveInBulk(databaseUrl: string, accountId: string, isOver: () => boolean): Promise<number> {
  const dataSource = await new DataSource({ type: 'postgres', url: databaseUrl, extra: { max: 3 } }).initialize();
  const store = createEventStore({ dataSource, catalogue });
  let saved = 0;
  try {
    while (!isOver()) {
      const orders = ['a', 'b'].map((half) => {
        const asked: OrderTerms = { accountId, clientOrderId: `bulk-${saved}-${half}`, ...terms };
        const order = new Order(orderIdFor(accountId, asked.clientOrderId ?? ''));
        order.place(asked);
        order.requestCancel('both at once');
        return order;
      });
      await runInContext({ correlationId: freshId(), account: accountId }, () => store.saveAggregates(orders));
      saved += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  } finally {
    await store.close();
    await dataSource.destroy();
  }
  return saved;
}
