import { Body, Controller, HttpCode, Inject, Param, Post, Res } from '@nestjs/common';
import type { OrderTerms, RecordedEvent } from '@tradecore/events';
import {
  cancelOrderBody,
  encodeConsistencyToken,
  etagOf,
  orderFrom,
  orderPath,
  orderResponseOf,
  placeOrderBody,
  type CancelOrderBody,
  type OrderResponse,
} from '@tradecore/read-models';
import { owns, RequestRefused, validated } from '@tradecore/service';
import { canonicalTerms, OrderNotFound } from '@tradecore/trading';
import { AskedBy, type Asked } from './asked.ts';
import { PlaceOrder } from './place-order.ts';
import { RequestCancel } from './request-cancel.ts';

/** What Nest hands in to set status and headers of the answer; Fastify's reply has it. */
interface Reply {
  status(code: number): unknown;
  headers(values: Record<string, string>): unknown;
}

/** The door for orders: checks, asks a use case, answers with the order folded from what was stored. */
@Controller('v1/orders')
export class OrdersHttp {
  constructor(
    @Inject(PlaceOrder) private readonly placeOrder: PlaceOrder,
    @Inject(RequestCancel) private readonly requestCancel: RequestCancel,
  ) {}

  /** `POST /v1/orders`: 201 for a new order, 200 for the same again. */
  @Post()
  async place(
    @Body(validated(placeOrderBody)) body: OrderTerms,
    @AskedBy() { caller, ...key }: Asked,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<OrderResponse> {
    const terms = canonicalTerms(body);
    if (!owns(caller, terms.accountId)) throw accountNotFound();
    if (terms.clientOrderId === undefined && key.idempotencyKey === undefined) throw nameMissing();
    const { outcome, history } = await this.placeOrder.execute({ terms, ...key });
    reply.status(outcome === 'placed' ? 201 : 200);
    return answer(history, reply);
  }

  /** `POST /v1/orders/{id}/cancel`: 202, the broker decides. */
  @Post(':id/cancel')
  @HttpCode(202)
  async cancel(
    @Param(validated(orderPath, 'path')) { id: orderId }: { id: string },
    @Body(validated(cancelOrderBody)) { reason }: CancelOrderBody,
    @AskedBy() { caller, ...key }: Asked,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<OrderResponse> {
    const why = reason === undefined ? {} : { reason };
    const command = { orderId, accounts: caller.accounts, ...why, ...key };
    return answer(await this.requestCancel.execute(command).catch(pointAtPath), reply);
  }
}

/** The order that `history` makes, with the headers that name its version. */
function answer(history: readonly RecordedEvent[], reply: Reply): OrderResponse {
  const order = orderFrom(history);
  if (!order) throw new Error('a use case gave no events');
  reply.headers({
    location: `/v1/orders/${order.orderId}`,
    etag: etagOf(order),
    'consistency-token': encodeConsistencyToken({ aggregateId: order.orderId, version: order.version }),
  });
  return orderResponseOf(order);
}

/** The order that was not found is the one that the path names: the answer says so. */
function pointAtPath(error: unknown): never {
  if (!(error instanceof OrderNotFound)) throw error;
  throw new RequestRefused(404, error.code, error.message, {
    errors: [{ pointer: '#/id', in: 'path', code: 'not-found', detail: 'names no order of yours' }],
  });
}

const accountNotFound = () =>
  new RequestRefused(404, 'account-not-found', 'There is no such account among yours.', {
    errors: [{ pointer: '#/accountId', code: 'not-found', detail: 'is not an account of the token' }],
  });

const nameMissing = () =>
  new RequestRefused(
    400,
    'order-name-missing',
    'An order needs a clientOrderId or an Idempotency-Key, so that a repeat is known.',
    {
      errors: [{ pointer: '#/clientOrderId', code: 'missing', detail: 'is required unless an Idempotency-Key is sent' }],
    },
  );
