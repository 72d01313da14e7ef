import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { validate, type Caller } from '@tradecore/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { etagOf, readHeaders, type ReadHeaders } from '@tradecore/api';

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

/**
 * Names the version of an answer, and says who may keep it: whoever sent this token, for it shows what that token may see. False, with 304, where
 * the client has it already.
 */
export function cacheable(
  of: { readonly version: number },
  { headers }: Pick<Asked, 'headers'>,
  reply: FastifyReply,
  control = 'private, no-cache',
): boolean {
  const etag = etagOf(of);
  void reply.headers({ etag, 'cache-control': control, vary: 'Authorization' });
  const isKnown = headers['if-none-match']?.(etag) ?? false;
  if (isKnown) void reply.status(304);
  return !isKnown;
}
