import { setTimeout as pause } from 'node:timers/promises';
import { orderIdFor } from '@tradecore/events';
import { isTerminal, type OrdStatus } from '@tradecore/trading';
import { isDenial, type Answer, type Client, type OrderSeen, type Terms } from '@tradecore/local/demo/client.ts';

/** The number of traders, and their means. */
export interface Trading {
  readonly accounts: number;
  /** Concurrent traders, and the milliseconds that each waits after an order; none if absent. */
  readonly workers: number;
  readonly pauseMs?: number;
  /** The initial money of each account. */
  readonly money: string;
}

/** An acknowledged order: placed, or denied, which is also stored. */
export interface Acknowledged {
  readonly id: string;
  readonly accountId: string;
}

/** Terms in rotation: most trade at once, some rest, some are invalid. */
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

/** Traders: they place orders, change and cancel some, and repeat unanswered requests. */
export class Traders {
  readonly accounts: string[] = [];
  readonly acknowledged: Acknowledged[] = [];
  /** Unexpected answers: they fail the test. */
  readonly surprises: string[] = [];
  readonly #client: Client;
  readonly #operator: Client;
  readonly #trading: Trading;
  #next = 0;
  #isStopped = false;

  /** `operator` deposits. */
  constructor({ client, operator }: { readonly client: Client; readonly operator: Client }, trading: Trading) {
    this.#client = client;
    this.#operator = operator;
    this.#trading = trading;
  }

  /** Opens and funds the accounts. */
  async open(): Promise<void> {
    const { accounts, money } = this.#trading;
    const names = Array.from({ length: accounts }, (_, index) => `account-${index}`);
    const ids = await Promise.all(names.map((name) => this.#client.openAccount(name)));
    await Promise.all(ids.map((id) => this.#operator.deposit(id, money, 'first')));
    this.accounts.push(...ids);
  }

  /** Places that many more orders; returns when each is acknowledged, or `stop` was called. */
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

  /** Cancels resting orders, and waits until every order is terminal. Returns those that are not, after `withinMs`. */
  async wrapUp(withinMs: number): Promise<OrderSeen[]> {
    const deadline = Date.now() + withinMs;
    const canceled = new Set<string>();
    for (;;) {
      const open = (await this.orders()).filter(({ status }) => !isTerminal(status as OrdStatus));
      if (open.length === 0 || Date.now() > deadline) return open;
      const resting = open.filter(({ id, status }) => !canceled.has(id) && (status === 'new' || status === 'partiallyFilled'));
      for (const { id } of resting) {
        await this.#send(`/v1/orders/${id}/cancel`, {}, isAnswerToRequest);
        canceled.add(id);
      }
      await pause(250);
    }
  }

  /** Every order of every account, from the read model. */
  async orders(): Promise<OrderSeen[]> {
    const pages = await Promise.all(this.accounts.map((accountId) => this.#client.orders(accountId)));
    return pages.flat();
  }

  async #tradeOne(turn: number): Promise<void> {
    const accountId = this.accounts[turn % this.accounts.length] ?? '';
    const terms = variety[Math.floor(turn / this.accounts.length) % variety.length];
    const clientOrderId = `trade-${turn}`;
    const isPlaced = (answer: Answer<unknown>): boolean => answer.status === 200 || answer.status === 201 || isDenial(answer);
    if (!(await this.#send('/v1/orders', { accountId, clientOrderId, ...terms }, isPlaced))) return;
    const id = orderIdFor(accountId, clientOrderId);
    this.acknowledged.push({ id, accountId });
    if (turn % 7 === 0) await this.#send(`/v1/orders/${id}/cancel`, {}, isAnswerToRequest);
    if (turn % 11 === 0) await this.#send(`/v1/orders/${id}/replace`, { quantity: '12' }, isAnswerToRequest);
  }

  /**
   * Repeats a request until it is answered, because a service may be down. False if the answer is unexpected, or never
   * came.
   */
  async #send(path: string, body: object, isExpected: (answer: Answer<unknown>) => boolean): Promise<boolean> {
    while (!this.#isStopped || path !== '/v1/orders') {
      const answer = await this.#client.ask('POST', path, { body }).catch(() => undefined);
      if (answer && isExpected(answer)) return true;
      if (answer && answer.status !== 503) {
        this.surprises.push(`POST ${path} ${JSON.stringify(body)}: ${answer.status} ${JSON.stringify(answer.body)}`);
        if (answer.status < 500) return false;
      }
      await pause(50);
    }
    return false;
  }
}

/** 409 and 422: the order has ended meanwhile, was denied, or a first attempt was stored and its answer was lost. */
const isAnswerToRequest = ({ status }: Answer<unknown>): boolean => [202, 409, 422].includes(status);
