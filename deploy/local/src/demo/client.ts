import { setTimeout as wait } from 'node:timers/promises';

/** The API's answer: its status, and its body as JSON; `{}` if there is none. */
export interface Answer<Body = Readonly<Record<string, unknown>>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** An answer that the caller did not expect. */
export class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
  readonly status: number;
  constructor(request: string, { status, body }: Answer<unknown>) {
    super(`${request}: ${status} ${JSON.stringify(body)}`);
    this.status = status;
  }
}

/** An account as `GET /v1/accounts/{id}` shows it, as far as demos and tests read it. */
export interface AccountSeen {
  readonly id: string;
  readonly cash: string;
  readonly reserved: string;
  readonly buyingPower: string;
  readonly reservations: readonly { readonly orderId: string; readonly side: 'buy' | 'sell'; readonly amount: string }[];
}

/** A position of an account. */
export interface PositionSeen {
  readonly symbol: string;
  readonly quantity: string;
  readonly averageCost?: string;
  readonly realised?: string;
  readonly unrealised?: string;
}

/** An order as writes and reads show it. */
export interface OrderSeen {
  readonly id: string;
  readonly accountId: string;
  readonly symbol: string;
  readonly side: 'buy' | 'sell';
  readonly quantity: string;
  readonly limitPrice?: string;
  readonly status: string;
  readonly filledQuantity: string;
  readonly averagePrice?: string;
  readonly revisions: readonly { readonly revision: number; readonly brokerOrderId: string }[];
  readonly denial?: { readonly rule: string; readonly detail: string; readonly figures: Readonly<Record<string, string>> };
  readonly version: number;
}

/** A booking of a trade, or its reversal after a bust or a correction: then the same id has several. */
export interface ExecutionSeen {
  readonly id: string;
  readonly kind: 'fill' | 'reversal';
  readonly orderId: string;
  readonly symbol: string;
  readonly side: 'buy' | 'sell';
  readonly quantity: string;
  readonly price: string;
}

/** The trades in force: each reversal removes one booking of the same id and figures. */
export function standing(executions: readonly ExecutionSeen[]): ExecutionSeen[] {
  const keyOf = ({ id, quantity, price }: ExecutionSeen): string => `${id} ${quantity} ${price}`;
  const reversals = executions.filter(({ kind }) => kind === 'reversal').map(keyOf);
  return executions.filter((each) => {
    const at = each.kind === 'fill' ? reversals.indexOf(keyOf(each)) : -1;
    if (at >= 0) reversals.splice(at, 1);
    return each.kind === 'fill' && at < 0;
  });
}

/** The outcome of placing an order: it is stored either way. A denied one is answered 422 `order-denied`. */
export interface Placed {
  readonly id: string;
  /** The rule that denied it, and the figures compared. */
  readonly denial?: { readonly rule: string; readonly detail: string; readonly figures: Readonly<Record<string, string>> };
}

/** The terms of an order, without its account. */
export type Terms = Readonly<Record<'symbol' | 'side' | 'type' | 'quantity' | 'timeInForce', string>> &
  Partial<Readonly<Record<'limitPrice' | 'stopPrice' | 'clientOrderId', string>>>;

/** The parts of a request. */
interface Content {
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Whether an order was denied: an answer that clients expect. */
export const isDenial = ({ status, body }: Answer<unknown>): boolean =>
  status === 422 && String((body as { type?: string }).type).endsWith('/order-denied');

const bodyOf = (accountId: string, terms: Terms): object => ({
  accountId,
  clientOrderId: `order-${crypto.randomUUID()}`,
  ...terms,
});

/** An API client as documented: one person, one token. */
export class Client {
  readonly address: string;
  readonly authorization: string;

  constructor(address: string, token: string) {
    this.address = address;
    this.authorization = `Bearer ${token}`;
  }

  /** One request; any status is an answer. Rejects when the connection breaks or 15 s pass. */
  async ask<Body>(method: string, path: string, { body, headers }: Content = {}): Promise<Answer<Body>> {
    const response = await fetch(`${this.address}${path}`, {
      method,
      headers: { authorization: this.authorization, ...(body && { 'content-type': 'application/json' }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text ? JSON.parse(text) : {}) as Body };
  }

  /** Opens an account for this person: the same key is the same account. Returns its id. */
  async openAccount(key: string, name?: string): Promise<string> {
    const body = name === undefined ? {} : { name };
    const { id } = await this.#must<{ id: string }>('POST', '/v1/accounts', { body, headers: { 'idempotency-key': key } });
    return id;
  }

  /** Deposits money as an operator: the same key is the same deposit. Returns the token with which a read shows it. */
  async deposit(accountId: string, amount: string, key: string): Promise<string> {
    const request = { body: { amount, reference: key }, headers: { 'idempotency-key': key } };
    const { headers } = await this.#answer('POST', `/v1/accounts/${accountId}/deposits`, request);
    return headers.get('consistency-token') ?? '';
  }

  /**
   * Places an order that is not denied. With `wait` the answer comes when it is terminal, or after that many seconds.
   */
  place(accountId: string, terms: Terms, wait?: number): Promise<OrderSeen> {
    const headers = wait === undefined ? {} : { prefer: `wait=${wait}` };
    return this.#must('POST', '/v1/orders', { body: bodyOf(accountId, terms), headers });
  }

  /** Places an order that may be denied. */
  async tryToPlace(accountId: string, terms: Terms): Promise<Placed> {
    const answer = await this.ask<Placed['denial'] & { id: string }>('POST', '/v1/orders', { body: bodyOf(accountId, terms) });
    if (answer.status < 300) return { id: answer.body.id };
    if (!isDenial(answer)) throw new UnexpectedAnswer('POST /v1/orders', answer);
    const { rule, detail, figures } = answer.body;
    return { id: answer.headers.get('location')?.split('/').at(-1) ?? '', denial: { rule, detail, figures } };
  }

  /** Requests a cancel. */
  cancel(orderId: string): Promise<OrderSeen> {
    return this.#must('POST', `/v1/orders/${orderId}/cancel`, { body: {} });
  }

  /** Requests other terms. */
  replace(orderId: string, changes: Readonly<Record<string, string>>): Promise<OrderSeen> {
    return this.#must('POST', `/v1/orders/${orderId}/replace`, { body: changes });
  }

  /** An order as in the read model. */
  order(orderId: string): Promise<OrderSeen> {
    return this.#must('GET', `/v1/orders/${orderId}`);
  }

  /** An account as in the read model; with a write's token only once the model has it. */
  account(accountId: string, consistency?: string): Promise<AccountSeen> {
    const headers = consistency ? { 'consistency-token': consistency } : {};
    return this.#must('GET', `/v1/accounts/${accountId}`, { headers });
  }

  /** The account's positions. */
  async positions(accountId: string): Promise<readonly PositionSeen[]> {
    const { positions } = await this.#must<{ positions: PositionSeen[] }>('GET', `/v1/accounts/${accountId}/positions`);
    return positions;
  }

  /** Every order of an account, page by page. */
  orders(accountId: string): Promise<OrderSeen[]> {
    return this.#everyPage('orders', `/v1/orders?accountId=${accountId}&`);
  }

  /** Every execution of an account, page by page. */
  executions(accountId: string): Promise<ExecutionSeen[]> {
    return this.#everyPage('executions', `/v1/accounts/${accountId}/executions?`);
  }

  /** The order once `isSo`: polls every 20 ms, at most `withinMs`. */
  async orderWhen(orderId: string, isSo: (order: OrderSeen) => boolean, withinMs = 15_000): Promise<OrderSeen> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const { status, body } = await this.ask<OrderSeen>('GET', `/v1/orders/${orderId}`);
      if (status === 200 && isSo(body)) return body;
      if (performance.now() > deadline)
        throw new UnexpectedAnswer(`GET /v1/orders/${orderId}`, { status, headers: new Headers(), body });
      await wait(20);
    }
  }

  async #everyPage<Item>(name: string, path: string): Promise<Item[]> {
    const all: Item[] = [];
    let cursor: string | undefined;
    do {
      const query = new URLSearchParams({ limit: '500', ...(cursor && { cursor }) });
      const page = await this.#must<Record<string, Item[]> & { nextCursor?: string }>('GET', `${path}${query}`);
      all.push(...(page[name] ?? []));
      cursor = page.nextCursor;
    } while (cursor);
    return all;
  }

  async #must<Body>(method: string, path: string, request: Content = {}): Promise<Body> {
    return (await this.#answer<Body>(method, path, request)).body;
  }

  async #answer<Body>(method: string, path: string, request: Content): Promise<Answer<Body>> {
    const answer = await this.ask<Body>(method, path, request);
    if (answer.status >= 300) throw new UnexpectedAnswer(`${method} ${path}`, answer);
    return answer;
  }
}
