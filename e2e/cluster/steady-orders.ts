import { setTimeout as pause } from 'node:timers/promises';
import { orderIdFor } from '@tradecore/events';
import type { Answer, Client } from '@tradecore/local/demo/client.ts';
import { codeOf } from '../drill/writers.ts';
import type { SidePod } from './side-pod.ts';

/** So many may wait for an answer; while they do, nobody asks for more. */
const waitingAtMost = 60;
const again = [429, 502, 503, 504];

/** Within the collar of what the paper broker begins with: nearly all trade at once. */
const terms = { symbol: 'ACME', side: 'buy', type: 'limit', quantity: '1', limitPrice: '104', timeInForce: 'day' };

/** People who place an order every so many milliseconds, whatever happens, and repeat each under its name until it is answered. */
export class SteadyOrders {
  static readonly #running = new Set<SteadyOrders>();
  readonly client: Client;
  readonly accounts: readonly string[];
  /** First answers by status, or by what else came: `201`, `503 database-unavailable`, `no answer`. */
  readonly answers = new Map<string, number>();
  /** The orders that a client was told of. */
  readonly acknowledged = new Set<string>();
  /** Answers that no client expects. */
  readonly surprises: string[] = [];
  /** Milliseconds that the first answers took. */
  readonly took: number[] = [];
  readonly #series: string;
  readonly #waiting = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #count = 0;

  private constructor(client: Client, accounts: readonly string[], series: string) {
    this.client = client;
    this.accounts = accounts;
    this.#series = series;
  }

  /** Opens and funds accounts, and begins. */
  static async begin(side: SidePod, perSecond: number): Promise<SteadyOrders> {
    const series = `e2e-${Date.now()}`;
    const [client, treasury] = [await side.person(series), await side.person('treasury', 'treasury')];
    const accounts: string[] = [];
    for (let n = 0; n < 4; n += 1) accounts.push(await client.openAccount(`${series}-${n}`));
    for (const account of accounts) await treasury.deposit(account, '9000000.00', series);
    const orders = new SteadyOrders(client, accounts, series);
    orders.#timer = setInterval(() => orders.#next(), 1000 / perSecond);
    SteadyOrders.#running.add(orders);
    return orders;
  }

  /** Stops the orders that a failed scene left running; otherwise the fleet never becomes idle in the next scene. */
  static async stopAll(): Promise<void> {
    await Promise.all([...SteadyOrders.#running].map((each) => each.stop()));
  }

  /** Ends when each has its answer. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    SteadyOrders.#running.delete(this);
    await Promise.all(this.#waiting);
  }

  /** Cancels these, which rest because the price has moved. */
  async cancel(ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.client.ask('POST', `/v1/orders/${id}/cancel`, { body: {} });
  }

  /** The answers so far: `400 x 201, 3 x 503 database-unavailable`. */
  get said(): string {
    return [...this.answers].map(([answer, times]) => `${times} x ${answer}`).join(', ');
  }

  /** Time within which 99 of 100 first answers came. */
  get p99(): number {
    return Math.round(this.took.toSorted((a, b) => a - b)[Math.floor(this.took.length * 0.99)] ?? 0);
  }

  #next(): void {
    if (this.#waiting.size >= waitingAtMost) return;
    const placing = this.#place((this.#count += 1)).finally(() => this.#waiting.delete(placing));
    this.#waiting.add(placing);
  }

  async #place(turn: number): Promise<void> {
    const accountId = this.accounts[turn % this.accounts.length] ?? '';
    const clientOrderId = `${this.#series}-${turn}`;
    const body = { accountId, clientOrderId, ...terms };
    const deadline = Date.now() + 300_000;
    for (let attempt = 1; Date.now() < deadline; attempt += 1) {
      const began = performance.now();
      const answer = await this.client.ask<Answer['body']>('POST', '/v1/orders', { body }).catch(() => undefined);
      if (attempt === 1) this.#note(answer, performance.now() - began);
      if (answer && answer.status < 300) return void this.acknowledged.add(orderIdFor(accountId, clientOrderId));
      if (answer && !again.includes(answer.status)) {
        this.surprises.push(`${clientOrderId}: ${answer.status} ${JSON.stringify(answer.body)}`);
        return;
      }
      await pause(1000);
    }
    this.surprises.push(`${clientOrderId}: no answer in five minutes`);
  }

  #note(answer: Answer | undefined, took: number): void {
    const code = answer && answer.status < 300 ? '' : codeOf(answer);
    const said = `${answer?.status ?? ''} ${code}`.trim();
    this.answers.set(said, (this.answers.get(said) ?? 0) + 1);
    this.took.push(took);
  }
}
