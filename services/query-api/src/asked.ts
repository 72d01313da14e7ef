import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { validate, type Caller } from '@tradecore/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { etagOf, readHeaders, type ReadHeaders } from '@tradecore/api';

/** The caller of a read, the state it must see at least, the ETags it has, and the store's epoch when it came. */
export interface Asked {
  readonly caller: Caller;
  readonly headers: ReadHeaders;
  readonly epoch: Promise<string>;
}

/** `@AskedBy() asked: Asked`. Refuses faults in the headers with 400. */
export const AskedBy = createParamDecorator((_: unknown, context: ExecutionContext): Asked => {
  const { caller, headers, epoch } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!caller || !epoch) throw new Error('a public route has no caller');
  return { caller, headers: validate(readHeaders, headers, 'header'), epoch };
});

/**
 * Sets the ETag and cache headers of an answer; only the sender of this token may cache it, because it shows what that
 * token may see. False, with 304, if the client already has it.
 */
export async function cacheable(
  { version }: { readonly version: number },
  { headers, epoch }: Asked,
  reply: FastifyReply,
  control = 'private, no-cache',
): Promise<boolean> {
  const etag = etagOf({ version, epoch: await epoch });
  void reply.headers({ etag, 'cache-control': control, vary: 'Authorization' });
  const isKnown = headers['if-none-match']?.(etag) ?? false;
  if (isKnown) void reply.status(304);
  return !isKnown;
}
