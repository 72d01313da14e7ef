import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { writeHeaders } from '@tradecore/read-models';
import { validate, type Caller } from '@tradecore/service';

/** Who asks to write, and the key that makes the wish one however often it is sent. */
export interface Asked {
  readonly caller: Caller;
  readonly idempotencyKey?: string;
}

interface Request {
  readonly caller?: Caller;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** `@AskedBy() asked: Asked`; an Idempotency-Key of another shape is refused with 400. */
export const AskedBy = createParamDecorator((_: unknown, context: ExecutionContext): Asked => {
  const { caller, headers } = context.switchToHttp().getRequest<Request>();
  if (!caller) throw new Error('a public route has no caller');
  const { 'idempotency-key': key } = validate(writeHeaders, headers, 'header');
  return { caller, ...(key !== undefined && { idempotencyKey: key }) };
});
