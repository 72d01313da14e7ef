import { etagOf, type TagTest } from '@tradecore/api';
import { RequestRefused } from '@tradecore/service';
import type { RiskLimits } from '@tradecore/events';

/** A version of something, in an epoch of the store. */
export type Version = Parameters<typeof etagOf>[0];

/** Refuses with 412 `code` if If-Match does not match the version; without the header any version matches. */
export function mustMatch(ifMatch: TagTest | undefined, now: Version, code: string): void {
  const etag = etagOf(now);
  if (!ifMatch || ifMatch(etag)) return;
  const errors = [{ pointer: '#/if-match', in: 'header' as const, code, detail: `does not match the current ETag ${etag}` }];
  const detail = 'This has changed since the version in If-Match.';
  throw new RequestRefused(412, code, detail, { errors, headers: { etag }, extensions: { version: now.version } });
}

/** 428 for a replacement of all limits without If-Match; the answer has the current limits. */
export function matchMissing({ limits, ...now }: Version & { readonly limits: RiskLimits }): RequestRefused {
  const detail = 'This replaces all limits of the scope: If-Match must be the ETag of the current limits, or *.';
  return new RequestRefused(428, 'if-match-missing', detail, {
    errors: [{ pointer: '#/if-match', in: 'header', code: 'missing', detail: 'is missing' }],
    headers: { etag: etagOf(now) },
    extensions: { version: now.version, limits },
  });
}
