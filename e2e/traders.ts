import { setTimeout as pause } from 'node:timers/promises';
import { isTerminal, type OrdStatus } from '@tradecore/trading';
import type { Client } from '../deploy/local/src/demo/client.ts';
import { type OrderSeen, type Terms } from '../deploy/local/src/demo/client.ts';
import { orderIdFor } from '@tradecore/events';

/** What trades against whom. */
export interface Trading {
  readonly accounts: number;
  /** People at a time, and milliseconds that each of them waits after an order; none when absent. */
  readonly workers: number;
  readonly pauseMs?: number;
  /** What each account begins with. */
  readonly money: string;
}

/** An order that was acknowledged. */
export interface Acknowledged {
  readonly id: string;
  readonly accountId: string;
}

/** Terms in turn: most trade at once, some rest, some can't be. */
const variety: readonly Terms[] = [
  { symbol: 'ACME', side: 'buy', type: 'limit', quantity: '20', limitPrice: '104', timeInForce: 'day' },
  { symbol: 'AAPL', side: 'buy', type: 'market', quantity: '3', timeInForce: 'day' },
  { symbol: 'ACME', side: 'sell', type: 'limit', quantity: '5', limitPrice: '97', timeInForce: 'gtc' },
  { symbol: 'KO', side: 'buy', type: 'limit', quantity: '40', limitPrice: '60', timeInForce: 'day' },
  { symbol: 'MSFT', side: 'buy', type: 'market', quantity: '2', timeInForce: 'ioc' },
  { symbol: 'ACME', side: 'buy', type: 'limit', quantity: '10', limitPrice: '95', timeInForce: 'gtc' },
  { symbol: 'AAPL', side: 'sell', type: 'market', quantity: '1', timeInForce: 'day' },
  { symbol: 'HALT', side: 'buy', type: 'market', quantity: '1', timeInForce: 'day' },
  { symbol: 'SPY', side: 'buy', type: 'limit', quantity: '900', limitPrice: '620', timeInForce: 'fok' },
  { symbol: 'ACME', side: 'sell', type: 'market', quantity: '4', timeInForce: 'fok' },
];

/** People at their screens: they place orders, change and cancel some, and repeat whatever was not answered. */
export class Traders {
  readonly accounts: string[] = [];
  readonly acknowledged: Acknowledged[] = [];
  /** Answers that no client expects: they fail the test. */
  readonly surprises: string[] = [];
  readonly #client: Client;
  readonly #trading: Trading;
  #next = 0;
  #isStopped = false;

  constructor(client: Client, trading: Trading) {
    this.#client = client;
    this.#trading = trading;
  }

  /** Opens the accounts and pays them in. */
  async open(): Promise<void> {
    const { accounts, money } = this.#trading;
    const names = Array.from({ length: accounts }, (_, index) => `account-${index}`);
    const ids = await Promise.all(names.map((name) => this.#client.openAccount(name)));
    await Promise.all(ids.map((id) => this.#client.deposit(id, money, 'first')));
    this.accounts.push(...ids);
  }

  /** Places so many more orders; returns when each is acknowledged, or `stop` was called. */
  async trade(orders: number): Promise<void> {
    const until = this.#next + orders;
    const { workers, pauseMs = 0 } = this.#trading;
    const work = async (): Promise<void> => {
      while (this.#next < until && !this.#isStopped) {
        await this.#tradeOne((this.#next += 1));
        if (pauseMs > 0) await pause(pauseMs);
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
  }

  /** Ends `trade` as soon as each worker has the answer to its last request. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Cancels what still rests, and waits until every order is terminal. Returns those that are not, after `withinMs`. */
  async wrapUp(withinMs: number): Promise<OrderSeen[]> {
    const deadline = Date.now() + withinMs;
    const canceled = new Set<string>();
    for (;;) {
      const open = (await this.orders()).filter(({ status }) => !isTerminal(status as OrdStatus));
      if (open.length === 0 || Date.now() > deadline) return open;
      const resting = open.filter(({ id, status }) => !canceled.has(id) && (status === 'new' || status === 'partiallyFilled'));
      for (const { id } of resting) {
        await this.#ask(`/v1/orders/${id}/cancel`, {}, [202, 409, 422]);
        canceled.add(id);
      }
      await pause(250);
    }
  }

  /** Every order of every account, as the read model has it. */
  async orders(): Promise<OrderSeen[]> {
    const pages = await Promise.all(this.accounts.map((accountId) => this.#client.orders(accountId)));
    return pages.flat();
  }

  async #tradeOne(turn: number): Promise<void> {
    const accountId = this.accounts[turn % this.accounts.length] ?? '';
    const terms = variety[Math.floor(turn / this.accounts.length) % variety.length];
    const clientOrderId = `trade-${turn}`;
    await this.#ask('/v1/orders', { accountId, clientOrderId, ...terms }, [200, 201]);
    const id = orderIdFor(accountId, clientOrderId);
    this.acknowledged.push({ id, accountId });
    // 409 and 422: it has ended meanwhile, or the first attempt was stored and its answer was lost.
    if (turn % 7 === 0) await this.#ask(`/v1/orders/${id}/cancel`, {}, [202, 409, 422]);
    if (turn % 11 === 0) await this.#ask(`/v1/orders/${id}/replace`, { quantity: '12' }, [202, 409, 422]);
  }

  async #ask(path: string, body: object, expected: readonly number[]): Promise<void> {
    while (!this.#isStopped || path !== '/v1/orders') {
      const status = await this.#status(path, body);
      if (expected.includes(status)) return;
      if (status !== 0 && status !== 503) this.surprises.push(`POST ${path} ${JSON.stringify(body)}: ${status}`);
      if (status >= 400 && status < 500) return;
      await pause(50);
    }
  }

  /** The status; 0 when the connection broke. */
  async #status(path: string, body: object): Promise<number> {
    try {
      return (await this.#client.ask('POST', path, { body })).status;
    } catch {
      return 0;
    }
  }
}
