import { Controller, Get, Inject, Param, Query, Res } from '@nestjs/common';
import {
  encodeLedgerCursor,
  eventsQuery,
  orderEventResponseOf,
  orderPath,
  timelineQuery,
  type EventsQuery,
  type OrderEventsResponse,
  type TimelineQuery,
  type TimelineResponse,
} from '@tradecore/api';
import type { OrderPlaced, RecordedEvent } from '@tradecore/events';
import { CallerOf, Needs, validated, type Caller } from '@tradecore/service';
import type { FastifyReply } from 'fastify';
import { AskedBy, cacheable, type Asked } from './asked.ts';
import { OrderHistory, orderNotFound } from './order-history.ts';
import { Timelines } from './timelines.ts';

/** The history of an order, from the event store: always up to date. */
@Controller('v1/orders/:id')
export class OrderHistoryHttp {
  constructor(
    @Inject(OrderHistory) private readonly history: OrderHistory,
    @Inject(Timelines) private readonly timelines: Timelines,
  ) {}

  /** `GET /v1/orders/{id}/events`: the stored events, oldest first, in pages. */
  @Needs('read')
  @Get('events')
  async events(
    @Param(validated(orderPath, 'path')) { id }: { id: string },
    @Query(validated(eventsQuery, 'query')) { limit, cursor = 0 }: EventsQuery,
    @AskedBy() asked: Asked,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderEventsResponse | undefined> {
    await this.#placed(id, asked.caller);
    const { events, next } = await this.history.page(id, cursor, limit);
    const version = events.at(-1)?.aggregateVersion ?? cursor;
    if (!(await cacheable({ version }, asked, reply))) return undefined;
    return { events: events.map(orderEventResponseOf), ...(next !== undefined && { nextCursor: encodeLedgerCursor(next) }) };
  }

  /**
   * `GET /v1/orders/{id}/timeline`: the history in plain words, with the account's and the saga's part; newest page
   * first.
   */
  @Needs('read')
  @Get('timeline')
  async timeline(
    @Param(validated(orderPath, 'path')) { id }: { id: string },
    @Query(validated(timelineQuery, 'query')) { cursor }: TimelineQuery,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TimelineResponse> {
    const placed = await this.#placed(id, caller);
    void reply.headers({ 'cache-control': 'private, no-cache', vary: 'Authorization' });
    return this.timelines.of(placed, cursor);
  }

  async #placed(id: string, caller: Caller): Promise<RecordedEvent<OrderPlaced>> {
    const placed = await this.history.placed(id, caller);
    if (!placed) throw orderNotFound();
    return placed;
  }
}
