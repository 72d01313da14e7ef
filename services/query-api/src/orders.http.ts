import { Controller, Get, Inject, Param, Query, Res } from '@nestjs/common';
import {
  encodeConsistencyToken,
  encodeOrderCursor,
  orderPath,
  orderQuery,
  orderResponseOf,
  ordersQuery,
  type AsOf,
  type OrderPageResponse,
  type OrderQuery,
  type OrderResponse,
  type OrdersQuery,
} from '@tradecore/api';
import { orderById, ordersOfAccount, type OrderFound, type OrderPageQuery, type OrderShown } from '@tradecore/read-models';
import { Needs, RequestRefused, validated } from '@tradecore/service';
import type { FastifyReply } from 'fastify';
import { DataSource } from 'typeorm';
import { Access } from './access.ts';
import { AskedBy, cacheable, type Asked } from './asked.ts';
import { OrderHistory, orderNotFound } from './order-history.ts';
import { Reads } from './reads.ts';

/** Milliseconds after which the state at a time is final: the store's clock is not further behind. */
const settled = 5000;

/** Reads of orders. A foreign order or account is answered like one that does not exist. */
@Controller('v1/orders')
export class OrdersHttp {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(Access) private readonly access: Access,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(OrderHistory) private readonly history: OrderHistory,
  ) {}

  /** `GET /v1/orders?accountId=...`: newest first, in pages. */
  @Needs('read')
  @Get()
  async list(@Query(validated(ordersQuery, 'query')) query: OrdersQuery, @AskedBy() asked: Asked): Promise<OrderPageResponse> {
    await this.access.must(asked.caller, query.accountId, 'query');
    const { cursor, ...filters } = query;
    const page = { ...present(filters), limit: this.access.pageOf(query.limit), ...(cursor && { after: cursor }) };
    const place = { model: 'orders', id: query.accountId, query: JSON.stringify(page), versionOf: () => 0 } as const;
    const found = await this.reads.of(asked, place, () => ordersOfAccount(this.db, page));
    return {
      orders: (found?.orders ?? []).map(({ order }) => orderResponseOf(order)),
      ...(found?.next && { nextCursor: encodeOrderCursor(found.next) }),
    };
  }

  /** `GET /v1/orders/{id}`: its current state, or as of a version or time. */
  @Needs('read')
  @Get(':id')
  async one(
    @Param(validated(orderPath, 'path')) { id }: { id: string },
    @Query(validated(orderQuery, 'query')) { asOf }: OrderQuery,
    @AskedBy() asked: Asked,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderResponse | undefined> {
    if (asOf) return this.#asItWas(id, asOf, asked, reply);
    // Before the token is checked, which would reveal a foreign order.
    if (asked.headers['consistency-token'] && !(await this.history.visible(id, asked.caller))) throw orderNotFound();
    const versionOf = ({ order }: OrderFound) => order.version;
    const found = await this.reads.of(asked, { model: 'orders', id, query: 'order', versionOf }, () => orderById(this.db, id));
    if (!found || !(await this.access.may(asked.caller, found.order.accountId))) throw orderNotFound();
    await this.access.count(found.order.accountId);
    void reply.headers({ 'consistency-token': tokenOf(found.order, await asked.epoch) });
    return (await cacheable(found.order, asked, reply)) ? orderResponseOf(found.order) : undefined;
  }

  async #asItWas(id: string, asOf: AsOf, asked: Asked, reply: FastifyReply): Promise<OrderResponse | undefined> {
    const now = Date.now();
    if ('time' in asOf && Date.parse(asOf.time) > now) throw inTheFuture();
    const row = (await this.history.placed(id, asked.caller)) && (await this.history.asOf(id, asOf));
    if (!row || ('version' in asOf && row.version < asOf.version)) throw orderNotFound('as of then');
    const canChange = 'time' in asOf && Date.parse(asOf.time) > now - settled;
    const control = canChange ? 'no-store' : 'private, max-age=31536000, immutable';
    return (await cacheable(row, asked, reply, control)) ? orderResponseOf(row) : undefined;
  }
}

/** The query without undefined fields. */
const present = (query: Omit<OrdersQuery, 'cursor'>): OrderPageQuery =>
  Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as unknown as OrderPageQuery;

/** With this token, reads of the account and its positions show the money of all trades in the order. */
const tokenOf = ({ orderId: aggregateId, version, accountId, accountVersion }: OrderShown, epoch: string): string =>
  encodeConsistencyToken({ epoch, aggregateId, version, ...(accountVersion !== undefined && { accountId, accountVersion }) });

const inTheFuture = () =>
  new RequestRefused(400, 'invalid-request', 'The query is invalid.', {
    errors: [{ pointer: '#/asOf', in: 'query', code: 'in-the-future', detail: 'is in the future' }],
  });
