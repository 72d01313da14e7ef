import { z } from 'zod';

/** Whether an ETag is among those that a header names. */
export type TagTest = (etag: string) => boolean;

/** One or more entity tags (RFC 9110, 8.8.3), comma between several. */
const list = /^[ \t]*(?:W\/)?"[^"\s]*"[ \t]*(?:,[ \t]*(?:W\/)?"[^"\s]*"[ \t]*)*$/;

const entityTags = (description: string, isNamed: (tags: readonly string[], etag: string) => boolean) =>
  z
    .string()
    .max(1000, { abort: true })
    .meta({ examples: ['"2"'] }) // before the transform, or the document loses it
    .transform((text, context): TagTest => {
      if (text.trim() === '*') return () => true;
      if (!list.test(text)) {
        const message = 'must be *, or ETags with a comma between several';
        context.addIssue({ code: 'custom', message, params: { code: 'invalid-format' } });
        return z.NEVER;
      }
      const tags = text.match(/(?:W\/)?"[^"]*"/g) ?? [];
      return (etag) => isNamed(tags, etag);
    })
    .optional()
    .meta({ description });

/** `If-Match` compares strongly: a weak tag names nothing. */
export const ifMatch = entityTags(
  'The ETag that the request is based on; 412 if the thing has another one by now. `*` is any.',
  (tags, etag) => tags.includes(etag),
);

/** `If-None-Match` compares weakly. */
export const ifNoneMatch = entityTags('Known ETags: 304 if one of them still holds.', (tags, etag) =>
  tags.some((tag) => tag.replace('W/', '') === etag),
);
