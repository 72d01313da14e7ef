import type { RevisionTerms } from '@tradecore/events';
import type { BrokerageAnswer, BrokerageExecution, BrokerageOrder, UnreadableOrder } from '@tradecore/trading';
import type { z } from 'zod';
import type { AlpacaHttp, HttpCall, HttpReply } from './http.ts';
import { assets, clock, fills, latestTrades, refusal, brokerageOrder, brokerageOrders, unreadableOrder } from './shapes.ts';
import { gatewayMetrics, type Call } from '../broker-gateway.metrics.ts';
import {
  NoUsableReply,
  type BrokerageClock,
  type BrokerageExecutions,
  type BrokerageInstrument,
  type BrokerageOrders,
  type BrokeragePrice,
} from '../brokerage-port.ts';

const typeNames = { market: 'market', limit: 'limit', stop: 'stop', stopLimit: 'stop_limit' } as const;
const ordersPage = 500;
const fillsPage = 100;
/** A list with more pages than this is refused. */
const pagesLimit = 2_000;

/**
 * Alpaca's trading API v2 and the latest trades of its market data API v2. The paper broker implements both. Calls about
 * one order return a `BrokerageAnswer` and never throw; questions about many may throw `NoUsableReply`. `clientOrderId`
 * is the BrokerOrder id.
 */
export class Alpaca {
  private readonly fills: ReturnType<typeof fills>;

  constructor(
    /** Its name in execution ids and logs. */
    readonly brokerage: string,
    /**
     * Whether a replaced order's fills count towards its replacement. If not, `replace` is not called. Not proven for
     * Alpaca; configurable on the paper broker.
     */
    readonly replaceCarriesFills: boolean,
    private readonly trading: AlpacaHttp,
    private readonly data: AlpacaHttp,
  ) {
    this.fills = fills(brokerage);
  }

  async submit(clientOrderId: string, terms: RevisionTerms): Promise<BrokerageAnswer> {
    const body = {
      symbol: terms.symbol,
      side: terms.side,
      type: typeNames[terms.type],
      time_in_force: terms.timeInForce,
      ...changeable(terms),
      client_order_id: clientOrderId,
    };
    return this.change({ call: 'submit', method: 'POST', path: '/v2/orders', body });
  }

  /** Replaces an order under a new client order id; `quantity` is the new total. */
  async replace(brokerageOrderId: string, clientOrderId: string, terms: RevisionTerms): Promise<BrokerageAnswer> {
    const body = { ...changeable(terms), client_order_id: clientOrderId };
    return this.change({ call: 'replace', method: 'PATCH', path: orderPath(brokerageOrderId), body });
  }

  async cancel(brokerageOrderId: string): Promise<BrokerageAnswer> {
    return this.change({ call: 'cancel', method: 'DELETE', path: orderPath(brokerageOrderId) });
  }

  async byClientOrderId(clientOrderId: string): Promise<BrokerageAnswer> {
    const query = { client_order_id: clientOrderId };
    return this.change({ call: 'by-client-order-id', method: 'GET', path: '/v2/orders:by_client_order_id', query });
  }

  async byId(brokerageOrderId: string): Promise<BrokerageAnswer> {
    return this.change({ call: 'by-id', method: 'GET', path: orderPath(brokerageOrderId) });
  }

  /** Every order that may still trade. */
  openOrders(): Promise<BrokerageOrders> {
    return this.orders('open', undefined);
  }

  /** Every order that was submitted after that time. */
  ordersSince(time: string): Promise<BrokerageOrders> {
    return this.orders('all', time);
  }

  /** Every listed execution of an order. The list of fills cannot be filtered by order. */
  async executionsOf({ brokerageOrderId, submittedAt }: BrokerageOrder): Promise<readonly BrokerageExecution[]> {
    const since = new Date(Date.parse(submittedAt) - 1).toISOString();
    const { executions, unreadableOf } = await this.executionsSince(since);
    if (unreadableOf.has(brokerageOrderId)) throw new NoUsableReply(`an execution of ${brokerageOrderId} ${unknownShape}`);
    return executions.filter((execution) => execution.brokerageOrderId === brokerageOrderId);
  }

  /** Every execution after that time, oldest first. */
  async executionsSince(time: string): Promise<BrokerageExecutions> {
    const executions: BrokerageExecution[] = [];
    const unreadableOf = new Set<string>();
    let token: string | undefined;
    for (let pages = 0; pages < pagesLimit; pages += 1) {
      const query = { after: time, direction: 'asc', page_size: String(fillsPage), ...(token && { page_token: token }) };
      const page = await this.question({ call: 'fills', path: '/v2/account/activities/FILL', query }, this.fills);
      for (const fill of page)
        if ('execution' in fill) executions.push(fill.execution);
        else unreadableOf.add(fill.unreadableOf);
      token = page.at(-1)?.page;
      if (page.length < fillsPage) return { executions, unreadableOf };
    }
    throw new NoUsableReply(`more than ${pagesLimit * fillsPage} executions since ${time}`);
  }

  instruments(): Promise<readonly BrokerageInstrument[]> {
    const query = { status: 'active', asset_class: 'us_equity' };
    return this.question({ call: 'assets', path: '/v2/assets', query }, assets);
  }

  /** At most 1,000 symbols. */
  async lastPrices(symbols: readonly string[]): Promise<readonly BrokeragePrice[]> {
    const query = { symbols: symbols.join(',') };
    return this.question({ call: 'prices', path: '/v2/stocks/trades/latest', query }, latestTrades, this.data);
  }

  clock(): Promise<BrokerageClock> {
    return this.question({ call: 'clock', path: '/v2/clock' }, clock);
  }

  /** All pages of the list of orders. Paging is by submission time, which orders may share, so pages overlap. */
  private async orders(status: 'open' | 'all', since: string | undefined): Promise<BrokerageOrders> {
    const found = new Map<string, BrokerageOrder | UnreadableOrder>();
    let after = since;
    for (let pages = 0; pages < pagesLimit; pages += 1) {
      const query = { status, limit: String(ordersPage), direction: 'asc', ...(after && { after }) };
      const page = await this.question({ call: 'orders', path: '/v2/orders', query }, brokerageOrders);
      const before = found.size;
      for (const order of page) if (order) found.set(order.brokerageOrderId, order);
      const last = page.findLast((order) => order?.submittedAt !== undefined)?.submittedAt;
      if (page.length < ordersPage || last === undefined || found.size === before) return apart([...found.values()]);
      after = new Date(Date.parse(last) - 1).toISOString();
    }
    throw new NoUsableReply(`more than ${pagesLimit * ordersPage} orders`);
  }

  /** A call about one order. */
  private async change(call: HttpCall): Promise<BrokerageAnswer> {
    const reply = await this.trading.ask(call);
    const answer = reply.kind === 'reply' ? answerOf(reply, call.method) : reply;
    gatewayMetrics.calls.inc({ call: call.call, outcome: outcomeOf(reply, answer) });
    return answer;
  }

  private async question<T>(
    ask: { readonly call: Call; readonly path: string; readonly query?: Readonly<Record<string, string>> },
    shape: z.ZodType<T>,
    http = this.trading,
  ): Promise<T> {
    const reply = await http.ask({ ...ask, method: 'GET' });
    const count = (outcome: 'answered' | 'refused' | 'bad-shape' | 'unsent' | 'unknown') =>
      gatewayMetrics.calls.inc({ call: ask.call, outcome });
    if (reply.kind !== 'reply') {
      count(reply.kind);
      throw new NoUsableReply(`${ask.call}: ${reply.reason}`);
    }
    if (reply.status !== 200) {
      count('refused');
      throw new NoUsableReply(
        `${ask.call}: the brokerage answered ${reply.status}`,
        reply.status === 400 || reply.status === 422,
      );
    }
    const read = shape.safeParse(reply.body);
    count(read.success ? 'answered' : 'bad-shape');
    if (!read.success) throw new NoUsableReply(`${ask.call}: ${read.error.issues[0]?.message ?? 'unknown shape'}`);
    return read.data;
  }
}

const isReadable = (order: BrokerageOrder | UnreadableOrder): order is BrokerageOrder => !('unreadable' in order);

const apart = (all: readonly (BrokerageOrder | UnreadableOrder)[]): BrokerageOrders => ({
  orders: all.filter(isReadable),
  unreadable: all.filter((order): order is UnreadableOrder => !isReadable(order)),
});

const orderPath = (brokerageOrderId: string): string => `/v2/orders/${encodeURIComponent(brokerageOrderId)}`;

const changeable = ({ quantity, limitPrice, stopPrice }: RevisionTerms) => ({
  qty: quantity,
  ...(limitPrice !== undefined && { limit_price: limitPrice }),
  ...(stopPrice !== undefined && { stop_price: stopPrice }),
});

/** Interprets a reply. An unknown shape proves nothing. */
function answerOf({ status, body }: Extract<HttpReply, { kind: 'reply' }>, method: HttpCall['method']): BrokerageAnswer {
  if (status === 204 && method === 'DELETE') return { kind: 'done' };
  if (status === 200 || status === 201) {
    const read = brokerageOrder.safeParse(body);
    if (read.success) return { kind: 'order', order: read.data };
    const shown = unreadableOrder(body, read.error);
    return { kind: 'unknown', reason: badShape(status), ...(shown && { shown }) };
  }
  if (status === 404 && method !== 'POST') return { kind: 'absent' };
  return status >= 400 ? refusalOf(status, body) : { kind: 'unknown', reason: badShape(status) };
}

/** A 401, or a 403 without a code, means wrong keys, not a bad order. Nothing was done; an operator must act. */
function refusalOf(status: number, body: unknown): BrokerageAnswer {
  const read = refusal.safeParse(body);
  if (status === 401 || (status === 403 && !read.success)) {
    return { kind: 'unsent', reason: `the brokerage rejected our keys: ${status}`, retryAfterMs: 5_000 };
  }
  if (!read.success) return { kind: 'unknown', reason: badShape(status) };
  const { code, message } = read.data;
  const isDuplicate = status === 422 && /client_order_id/i.test(message) && /unique|duplicate|exist/i.test(message);
  return isDuplicate ? { kind: 'duplicate' } : { kind: 'refused', code: String(code), reason: message };
}

const unknownShape = 'in an unknown shape';
const badShape = (status: number): string => `the brokerage answered ${status} ${unknownShape}`;

function outcomeOf(reply: HttpReply, answer: BrokerageAnswer) {
  if (reply.kind === 'unsent') return reply.status === 429 ? 'rate-limited' : 'unsent';
  if (answer.kind === 'unknown') return reply.kind === 'reply' ? 'bad-shape' : 'unknown';
  if (answer.kind === 'absent') return 'absent';
  if (answer.kind === 'unsent') return 'unsent';
  return answer.kind === 'refused' || answer.kind === 'duplicate' ? 'refused' : 'answered';
}
