import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { validate, type Caller } from '@tradecore/service';
import type { FastifyRequest } from 'fastify';
import { readHeaders, type ReadHeaders } from '@tradecore/api';

/** Who asks to read, what they must see at least, and what they know already. */
export interface Asked {
  readonly caller: Caller;
  readonly headers: ReadHeaders;
}

/** `@AskedBy() asked: Asked`. Faults in the headers are refused with 400. */
export const AskedBy = createParamDecorator((_: unknown, context: ExecutionContext): Asked => {
  const { caller, headers } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!caller) throw new Error('a public route has no caller');
  return { caller, headers: validate(readHeaders, headers, 'header') };
});
