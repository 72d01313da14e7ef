import { Body, Controller, HttpCode, Inject, Param, Post, Res } from '@nestjs/common';
import type { OrderTerms, RecordedEvent } from '@tradecore/events';
import {
  cancelHeaders,
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
import type { OrderShown } from '@tradecore/read-models';
import { Needs, RequestRefused, validated, type KnownCaller } from '@tradecore/service';
import { canonicalTerms } from '@tradecore/trading';
import { keyOf } from '../idempotency-key.ts';
import { pointAt } from '../not-found.ts';
import { RequestOf, type Reply, type WriteRequest } from '../write-request.ts';
import { OrderWaits } from './order-waits.ts';
import { PlaceOrder } from './place-order.ts';
import { RequestCancel } from './request-cancel.ts';
import { RequestReplace } from './request-replace.ts';

/** Writes of orders: validates, calls a use case, answers with the order folded from the stored events. */
@Controller('v1/orders')
export class OrdersHttp {
  constructor(
    @Inject(PlaceOrder) private readonly placeOrder: PlaceOrder,
    @Inject(RequestCancel) private readonly requestCancel: RequestCancel,
    @Inject(RequestReplace) private readonly requestReplace: RequestReplace,
    @Inject(OrderWaits) private readonly waits: OrderWaits,
  ) {}

  /** `POST /v1/orders`: 201 for a new order, 200 for a repeat; 422 for a denied order and its repeats. */
  @Needs('trade')
  @Post()
  async place(
    @Body(validated(placeOrderBody)) body: OrderTerms,
    @RequestOf({ headers: waitingHeaders }) { caller, headers, epoch }: WriteRequest<typeof waitingHeaders>,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<OrderResponse> {
    const terms = canonicalTerms(body);
    const key = keyOf(headers);
    if (terms.clientOrderId === undefined && key.idempotencyKey === undefined) throw nameMissing();
    const { outcome, history } = await this.placeOrder
      .execute({ caller, terms, ...key })
      .catch(pointAt({ pointer: '#/accountId' }));
    reply.status(outcome === 'repeated' ? 200 : 201);
    mustBeApproved(await this.waits.shown(history), { history, epoch: await epoch });
    const awaited = await this.#awaited(history, { caller, seconds: headers.prefer }, reply);
    return this.#answer({ history: awaited, epoch: await epoch }, reply);
  }

  /** `POST /v1/orders/{id}/cancel`: 202; the brokerage decides. */
  @Needs('trade')
  @Post(':id/cancel')
  @HttpCode(202)
  async cancel(
    @Param(validated(orderPath, 'path')) { id: orderId }: { id: string },
    @Body(validated(cancelOrderBody)) { reason }: CancelOrderBody,
    @RequestOf({ headers: cancelHeaders }) { caller, headers, epoch }: WriteRequest<typeof cancelHeaders>,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<OrderResponse> {
    const ifMatch = headers['if-match'];
    const command = { orderId, caller, ifMatch, ...(reason !== undefined && { reason }), ...keyOf(headers) };
    const history = await this.requestCancel.execute(command).catch(pointAt({ pointer: '#/id', in: 'path' }));
    const awaited = await this.#awaited(history, { caller, seconds: headers.prefer }, reply);
    return this.#answer({ history: awaited, epoch: await epoch }, reply);
  }

  /**
   * `POST /v1/orders/{id}/replace`: 202; the brokerage decides. 422 if a rule refuses it, or money or shares are
   * insufficient.
   */
  @Needs('trade')
  @Post(':id/replace')
  @HttpCode(202)
  async replace(
    @Param(validated(orderPath, 'path')) { id: orderId }: { id: string },
    @Body(validated(replaceOrderBody)) changes: ReplaceOrderBody,
    @RequestOf({ headers: replaceHeaders }) { caller, headers, epoch }: WriteRequest<typeof replaceHeaders>,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<OrderResponse> {
    const command = { orderId, caller, changes, ifMatch: headers['if-match'], ...keyOf(headers) };
    const history = await this.requestReplace.execute(command).catch(pointAt({ pointer: '#/id', in: 'path' }));
    return this.#answer({ history, epoch: await epoch }, reply);
  }

  /** Waits if the client prefers it, and sets `Preference-Applied`. */
  async #awaited(
    history: readonly RecordedEvent[],
    { caller, seconds }: { readonly caller: KnownCaller; readonly seconds: number | undefined },
    reply: Reply,
  ): Promise<readonly RecordedEvent[]> {
    if (seconds === undefined) return history;
    const awaited = await this.waits.until(history, seconds, caller.subject);
    if (awaited) reply.headers({ 'preference-applied': `wait=${seconds}` });
    return awaited ?? history;
  }

  /** The order folded from `history`, with the headers that name its version. */
  async #answer(told: Told, reply: Reply): Promise<OrderResponse> {
    const order = await this.waits.shown(told.history);
    reply.headers(headersOf(order, told));
    return orderResponseOf(order);
  }
}

/** An order's history, and the epoch of the store in which it is. */
interface Told {
  readonly history: readonly RecordedEvent[];
  readonly epoch: string;
}

/** The order's location, ETag and token: a read of its account with this token shows the order's money. */
function headersOf({ orderId, accountId, version }: OrderShown, { history, epoch }: Told): Record<string, string> {
  const accountVersion = Math.max(0, ...history.map(({ data }) => (data as { accountVersion?: number }).accountVersion ?? 0));
  const moved = accountVersion > 0 ? { accountId, accountVersion } : {};
  return {
    location: `/v1/orders/${orderId}`,
    etag: etagOf({ version, epoch }),
    'consistency-token': encodeConsistencyToken({ epoch, aggregateId: orderId, version, ...moved }),
  };
}

/** A denied order is stored under its name: 422 with the rule, its figures and the order's location. */
function mustBeApproved(order: OrderShown, told: Told): void {
  if (!order.denial) return;
  const { detail, ...denial } = order.denial;
  const headers = headersOf(order, told);
  throw new RequestRefused(422, 'order-denied', detail, { headers, extensions: { id: order.orderId, ...denial } });
}

const nameMissing = () =>
  new RequestRefused(
    400,
    'order-name-missing',
    'An order needs a clientOrderId or an Idempotency-Key, so that a repeat is recognised.',
    {
      errors: [{ pointer: '#/clientOrderId', code: 'missing', detail: 'is required unless an Idempotency-Key is sent' }],
    },
  );
