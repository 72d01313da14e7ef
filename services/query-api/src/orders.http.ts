import { Controller, createParamDecorator, Get, Inject, Param, Query, Res, type ExecutionContext } from '@nestjs/common';
import {
  encodeCursor,
  etagOf,
  orderById,
  orderEventResponseOf,
  orderFrom,
  orderPath,
  orderResponseOf,
  ordersOfAccount,
  type OrderEventsResponse,
  type OrderPageResponse,
  type OrderResponse,
} from '@tradecore/read-models';
import { CallerOf, RequestRefused, tokens, validate, validated, type Caller, type Clock } from '@tradecore/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DataSource } from 'typeorm';
import { ConsistentReads } from './consistent-reads.ts';
import { OrderHistory } from './order-history.ts';
import {
  orderQuery,
  ordersQuery,
  readHeaders,
  type AsOf,
  type OrderQuery,
  type OrdersQuery,
  type ReadHeaders,
} from './order-queries.ts';

/** Who asks to read, what they must see at least, and what they know already. */
interface Asked {
  readonly accounts: Caller['accounts'];
  readonly headers: ReadHeaders;
}

const AskedBy = createParamDecorator((_: unknown, context: ExecutionContext): Asked => {
  const { caller, headers } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!caller) throw new Error('a public route has no caller');
  return { accounts: caller.accounts, headers: validate(readHeaders, headers, 'header') };
});

/** Milliseconds until the store's clock can't fall behind a time any more: younger answers may still change. */
const settled = 5000;

/** Orders for those who read. A foreign order or account is answered as one that is not there. */
@Controller('v1/orders')
export class OrdersHttp {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(ConsistentReads) private readonly consistentReads: ConsistentReads,
    @Inject(OrderHistory) private readonly history: OrderHistory,
    @Inject(tokens.clock) private readonly clock: Clock,
  ) {}

  /** `GET /v1/orders?accountId=...`: newest first, page by page. */
  @Get()
  async list(@Query(validated(ordersQuery, 'query')) query: OrdersQuery, @AskedBy() asked: Asked): Promise<OrderPageResponse> {
    const { accountId, clientOrderId, limit, cursor } = query;
    if (!asked.accounts.includes(accountId)) throw accountNotFound();
    await this.#awaitToken(asked);
    const page = await ordersOfAccount(this.db, {
      accountId,
      limit,
      ...(clientOrderId !== undefined && { clientOrderId }),
      ...(cursor && { after: cursor }),
    });
    return { orders: page.orders.map(({ order }) => order), ...(page.next && { nextCursor: encodeCursor(page.next) }) };
  }

  /** `GET /v1/orders/{id}`: as it stands, or as it was. */
  @Get(':id')
  async one(
    @Param(validated(orderPath, 'path')) { id }: { id: string },
    @Query(validated(orderQuery, 'query')) { asOf }: OrderQuery,
    @AskedBy() asked: Asked,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderResponse | undefined> {
    if (asOf) return this.#asItWas(id, asOf, asked, reply);
    await this.#awaitToken(asked);
    const found = await orderById(this.db, id, asked.accounts);
    if (!found) throw orderNotFound();
    const etag = etagOf(found.order);
    void reply.headers({ etag, 'cache-control': 'private, no-cache' });
    if (asked.headers['if-none-match'] !== etag) return found.order;
    void reply.status(304);
    return undefined;
  }

  /** `GET /v1/orders/{id}/events`: what was stored, from the first event on. */
  @Get(':id/events')
  async events(
    @Param(validated(orderPath, 'path')) { id }: { id: string },
    @Query(validated(orderQuery.pick({}), 'query')) _: object,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderEventsResponse> {
    const events = await this.history.read(id, caller.accounts);
    const last = events.at(-1);
    if (!last) throw orderNotFound();
    void reply.headers({ etag: etagOf({ version: last.aggregateVersion }), 'cache-control': 'private, no-cache' });
    return { events: events.map(orderEventResponseOf) };
  }

  async #asItWas(id: string, asOf: AsOf, { accounts }: Asked, reply: FastifyReply): Promise<OrderResponse> {
    const now = this.clock.now().getTime();
    if ('time' in asOf && Date.parse(asOf.time) > now) throw inTheFuture();
    const row = orderFrom(await this.history.read(id, accounts, asOf));
    if (!row || ('version' in asOf && row.version < asOf.version)) throw orderNotFound('as of then');
    const canChange = 'time' in asOf && Date.parse(asOf.time) > now - settled;
    void reply.headers({
      etag: etagOf(row),
      'cache-control': canChange ? 'no-store' : 'private, max-age=31536000, immutable',
    });
    return orderResponseOf(row);
  }

  async #awaitToken({ accounts, headers: { 'consistency-token': token } }: Asked): Promise<void> {
    if (token) await this.consistentReads.waitFor(token, accounts);
  }
}

const orderNotFound = (when = '') =>
  new RequestRefused(404, 'order-not-found', `There is no such order among yours${when && ` ${when}`}.`, {
    errors: [{ pointer: '#/id', in: 'path', code: 'not-found', detail: 'names no order of yours' }],
  });

const accountNotFound = () =>
  new RequestRefused(404, 'account-not-found', 'There is no such account among yours.', {
    errors: [{ pointer: '#/accountId', in: 'query', code: 'not-found', detail: 'is not an account of the token' }],
  });

const inTheFuture = () =>
  new RequestRefused(400, 'invalid-request', 'The query of the request has a fault.', {
    errors: [{ pointer: '#/asOf', in: 'query', code: 'in-the-future', detail: 'lies in the future' }],
  });
