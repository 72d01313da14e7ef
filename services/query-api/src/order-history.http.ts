import { Controller, Get, Inject, Param, Query, Res } from '@nestjs/common';
import {
  etagOf,
  noQuery,
  orderEventResponseOf,
  orderPath,
  type OrderEventsResponse,
  type TimelineResponse,
} from '@tradecore/api';
import { CallerOf, validated, type Caller } from '@tradecore/service';
import type { RecordedEvent } from '@tradecore/events';
import type { FastifyReply } from 'fastify';
import { OrderHistory, orderNotFound } from './order-history.ts';
import { Timelines } from './timelines.ts';

/** What happened to an order, from the event store: always up to date. */
@Controller('v1/orders/:id')
export class OrderHistoryHttp {
  constructor(
    @Inject(OrderHistory) private readonly history: OrderHistory,
    @Inject(Timelines) private readonly timelines: Timelines,
  ) {}

  /** `GET /v1/orders/{id}/events`: what was stored, from the first event on. */
  @Get('events')
  async events(
    @Param(validated(orderPath, 'path')) { id }: { id: string },
    @Query(validated(noQuery, 'query')) _: object,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderEventsResponse> {
    const events = await this.#read(id, caller);
    void reply.headers({ etag: etagOf({ version: events.length }), 'cache-control': 'private, no-cache' });
    return { events: events.map(orderEventResponseOf) };
  }

  /** `GET /v1/orders/{id}/timeline`: the same in plain words, with what the account and the saga did for it. */
  @Get('timeline')
  async timeline(
    @Param(validated(orderPath, 'path')) { id }: { id: string },
    @Query(validated(noQuery, 'query')) _: object,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TimelineResponse> {
    const events = await this.#read(id, caller);
    void reply.header('cache-control', 'private, no-cache');
    return this.timelines.of(events);
  }

  async #read(id: string, caller: Caller): Promise<readonly RecordedEvent[]> {
    const events = await this.history.read(id, caller);
    if (events.length === 0) throw orderNotFound();
    return events;
  }
}
