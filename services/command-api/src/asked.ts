import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { DomainError } from '@tradecore/event-sourcing';
import { writeHeaders } from '@tradecore/api';
import { validate, type Caller } from '@tradecore/service';
import type { z } from 'zod';

/** Who asks to write, and the headers that mean something; `H` is their schema. */
export interface Asked<H extends z.ZodType = typeof writeHeaders> {
  readonly caller: Caller;
  readonly headers: z.output<H>;
}

interface Request {
  readonly caller?: Caller;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** `@AskedBy() asked: Asked`, or with another schema of headers: `@AskedBy({ headers: keyedHeaders })`. Faults are refused with 400. */
export const AskedBy = createParamDecorator(
  (
    { headers: schema }: { readonly headers: z.ZodType } = { headers: writeHeaders },
    context: ExecutionContext,
  ): Asked<z.ZodType> => {
    const { caller, headers } = context.switchToHttp().getRequest<Request>();
    if (!caller) throw new Error('a public route has no caller');
    return { caller, headers: validate(schema, headers, 'header') };
  },
);

/** What Nest hands in to set status and headers of the answer; Fastify's reply has it. */
export interface Reply {
  status(code: number): unknown;
  headers(values: Record<string, string>): unknown;
}

/** The fields of the body in which a request differs from what its key stored: `asked` and `stored` by name, absent is a value too. */
export const differingFields = (asked: object, stored: object, fields: readonly string[]): string[] =>
  fields.filter((field) => Reflect.get(asked, field) !== Reflect.get(stored, field));

/** The key of an earlier request came with another body; `details.differingFields` names what differs. */
export class IdempotencyKeyReused extends DomainError {
  readonly code = 'idempotency-key-reused';
  readonly kind = 'conflict';
  constructor(differing: readonly string[]) {
    super(`This Idempotency-Key was used for a request with another ${differing.join(', ')}.`, {
      differingFields: differing,
      errors: differing.map((field) => ({
        pointer: `#/${field}`,
        code: 'differs',
        detail: 'differs from the request that has this key',
      })),
    });
  }
}
