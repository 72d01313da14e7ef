import { z } from 'zod';

/** One fault of a request: where, what, and a stable code. */
export const fieldFault = z
  .strictObject({
    pointer: z
      .string()
      .meta({ description: 'A JSON Pointer as a URI fragment (RFC 6901); `#` is the whole document.', examples: ['#/quantity'] }),
    detail: z.string(),
    code: z.string().meta({ description: 'Stable, for programs.', examples: ['missing'] }),
    in: z
      .enum(['query', 'path', 'header'])
      .optional()
      .meta({ description: 'What the pointer points into; the body when absent.' }),
  })
  .meta({ id: 'FieldFault', description: 'One fault of a request.' });

/** An RFC 9457 problem document. It may have further members. */
export const problemResponse = z
  .looseObject({
    type: z.string().meta({
      description: 'Names the problem: `https://tradecore.dev/problems/` and a code. Stable.',
      examples: ['https://tradecore.dev/problems/invalid-request'],
    }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string(),
    instance: z.string().meta({ description: 'The path of the request.' }),
    traceId: z.string().optional().meta({ description: 'The trace of the request, for support.' }),
    errors: z.array(fieldFault).optional(),
  })
  .meta({ id: 'Problem', description: 'Why a request failed (RFC 9457).' });
