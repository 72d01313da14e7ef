import { z } from 'zod';

/** Whether a header names an ETag. */
export type TagTest = (etag: string) => boolean;

/** One or more entity tags (RFC 9110, 8.8.3), separated by commas. */
const list = /^[ \t]*(?:W\/)?"[^"\s]*"[ \t]*(?:,[ \t]*(?:W\/)?"[^"\s]*"[ \t]*)*$/;

const entityTags = (description: string, isNamed: (tags: readonly string[], etag: string) => boolean) =>
  z
    .string()
    .max(1000, { abort: true })
    .meta({ examples: ['"2-5f1e9c04"'] }) // before the transform, otherwise the document loses it
    .transform((text, context): TagTest => {
      if (text.trim() === '*') return () => true;
      if (!list.test(text)) {
        const message = 'must be * or ETags separated by commas';
        context.addIssue({ code: 'custom', message, params: { code: 'invalid-format' } });
        return z.NEVER;
      }
      const tags = text.match(/(?:W\/)?"[^"]*"/g) ?? [];
      return (etag) => isNamed(tags, etag);
    })
    .optional()
    .meta({ description });

/** `If-Match` compares strongly: a weak tag never matches. */
export const ifMatch = entityTags(
  'The ETag that the request is based on; 412 if it has changed. `*` matches any.',
  (tags, etag) => tags.includes(etag),
);

/** `If-None-Match` compares weakly. */
export const ifNoneMatch = entityTags('Known ETags; 304 if one of them still matches.', (tags, etag) =>
  tags.some((tag) => tag.replace('W/', '') === etag),
);
