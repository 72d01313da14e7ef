import { Controller, Header, Inject, Post } from '@nestjs/common';
import type { StreamTicketResponse } from '@tradecore/api';
import { CallerOf, Needs, type Caller } from '@tradecore/service';
import { StreamCallers } from './stream-callers.ts';

/** `POST /v1/stream-tickets`: a ticket that opens the caller's stream where no header can be sent. */
@Controller('v1/stream-tickets')
export class TicketsHttp {
  constructor(@Inject(StreamCallers) private readonly callers: StreamCallers) {}

  @Needs('read')
  @Post()
  @Header('cache-control', 'no-store')
  make(@CallerOf() caller: Caller): Promise<StreamTicketResponse> {
    return this.callers.ticketFor(caller);
  }
}
