import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { writeHeaders } from '@tradecore/api';
import { validate, type Caller, type KnownCaller } from '@tradecore/service';
import type { z } from 'zod';

/** The caller of a write, its relevant headers (`H` is their schema), and the store's epoch when it came. */
export interface WriteRequest<H extends z.ZodType = typeof writeHeaders> {
  readonly caller: KnownCaller;
  readonly headers: z.output<H>;
  readonly epoch: Promise<string>;
}

interface HttpRequest {
  readonly caller?: Caller | KnownCaller;
  readonly epoch?: Promise<string>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * `@RequestOf() request: WriteRequest`, or with another schema: `@RequestOf({ headers: keyedHeaders })`. Refuses faults
 * with 400.
 */
export const RequestOf = createParamDecorator(
  (
    { headers: schema }: { readonly headers: z.ZodType } = { headers: writeHeaders },
    context: ExecutionContext,
  ): WriteRequest<z.ZodType> => {
    const { caller, headers, epoch } = context.switchToHttp().getRequest<HttpRequest>();
    if (!caller || !epoch || !('person' in caller)) throw new Error('a public route has no caller');
    return { caller, headers: validate(schema, headers, 'header'), epoch };
  },
);

/** The part of Fastify's reply that sets status and headers. */
export interface Reply {
  status(code: number): unknown;
  headers(values: Record<string, string>): unknown;
}
