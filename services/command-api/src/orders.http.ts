import { Body, Controller, HttpCode, Inject, Param, Post, Res } from '@nestjs/common';
import type { OrderTerms, RecordedEvent } from '@tradecore/events';
import {
  cancelOrderBody,
  encodeConsistencyToken,
  etagOf,
  orderPath,
  orderResponseOf,
  placeOrderBody,
  replaceHeaders,
  replaceOrderBody,
  waitingHeaders,
  type CancelOrderBody,
  type OrderResponse,
  type ReplaceOrderBody,
} from '@tradecore/api';
import { orderFrom } from '@tradecore/read-models';
import { RequestRefused, validated } from '@tradecore/service';
import { AccountNotFound, canonicalTerms, OrderNotFound } from '@tradecore/trading';
import { AskedBy, type Asked, type Reply } from './asked.ts';
import { OrderWaits } from './order-waits.ts';
import { PlaceOrder } from './place-order.ts';
import { RequestCancel } from './request-cancel.ts';
import { RequestReplace } from './request-replace.ts';

/** The door for orders: checks, asks a use case, answers with the order folded from what was stored. */
@Controller('v1/orders')
export class OrdersHttp {
  constructor(
    @Inject(PlaceOrder) private readonly placeOrder: PlaceOrder,
    @Inject(RequestCancel) private readonly requestCancel: RequestCancel,
    @Inject(RequestReplace) private readonly requestReplace: RequestReplace,
    @Inject(OrderWaits) private readonly waits: OrderWaits,
  ) {}

  /** `POST /v1/orders`: 201 for a new order, also for one that our rules deny, 200 for the same again. */
  @Post()
  async place(
    @Body(validated(placeOrderBody)) body: OrderTerms,
    @AskedBy({ headers: waitingHeaders }) { caller, headers }: Asked<typeof waitingHeaders>,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<OrderResponse> {
    const terms = canonicalTerms(body);
    const key = keyOf(headers);
    if (terms.clientOrderId === undefined && key.idempotencyKey === undefined) throw nameMissing();
    const { outcome, history } = await this.placeOrder.execute({ caller, terms, ...key }).catch(pointAtAccount);
    reply.status(outcome === 'repeated' ? 200 : 201);
    return answer(await this.#awaited(history, headers.prefer, reply), reply);
  }

  /** `POST /v1/orders/{id}/cancel`: 202, the broker decides. */
  @Post(':id/cancel')
  @HttpCode(202)
  async cancel(
    @Param(validated(orderPath, 'path')) { id: orderId }: { id: string },
    @Body(validated(cancelOrderBody)) { reason }: CancelOrderBody,
    @AskedBy({ headers: waitingHeaders }) { caller, headers }: Asked<typeof waitingHeaders>,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<OrderResponse> {
    const command = { orderId, caller, ...(reason !== undefined && { reason }), ...keyOf(headers) };
    const history = await this.requestCancel.execute(command).catch(pointAtPath);
    return answer(await this.#awaited(history, headers.prefer, reply), reply);
  }

  /** `POST /v1/orders/{id}/replace`: 202, the account and the broker decide. */
  @Post(':id/replace')
  @HttpCode(202)
  async replace(
    @Param(validated(orderPath, 'path')) { id: orderId }: { id: string },
    @Body(validated(replaceOrderBody)) changes: ReplaceOrderBody,
    @AskedBy({ headers: replaceHeaders }) { caller, headers }: Asked<typeof replaceHeaders>,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<OrderResponse> {
    const expectedVersion = headers['if-match'];
    const command = {
      orderId,
      caller,
      changes,
      ...(expectedVersion !== undefined && { expectedVersion }),
      ...keyOf(headers),
    };
    return answer(await this.requestReplace.execute(command).catch(pointAtPath), reply);
  }

  /** Waits where the client prefers that, and says so. */
  async #awaited(
    history: readonly RecordedEvent[],
    seconds: number | undefined,
    reply: Reply,
  ): Promise<readonly RecordedEvent[]> {
    if (seconds === undefined) return history;
    const awaited = await this.waits.until(history, seconds);
    if (awaited) reply.headers({ 'preference-applied': `wait=${seconds}` });
    return awaited ?? history;
  }
}

/** The Idempotency-Key as a part of a command. */
function keyOf(headers: { readonly 'idempotency-key'?: string | undefined }): { readonly idempotencyKey?: string } {
  const key = headers['idempotency-key'];
  return key === undefined ? {} : { idempotencyKey: key };
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

/** The account that was not found is the one that the terms name. */
function pointAtAccount(error: unknown): never {
  if (!(error instanceof AccountNotFound)) throw error;
  throw new RequestRefused(404, error.code, 'There is no such account among yours.', {
    errors: [{ pointer: '#/accountId', code: 'not-found', detail: 'is not an account of yours' }],
  });
}

const nameMissing = () =>
  new RequestRefused(
    400,
    'order-name-missing',
    'An order needs a clientOrderId or an Idempotency-Key, so that a repeat is known.',
    {
      errors: [{ pointer: '#/clientOrderId', code: 'missing', detail: 'is required unless an Idempotency-Key is sent' }],
    },
  );
