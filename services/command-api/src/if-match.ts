import { etagOf, type TagTest } from '@tradecore/api';
import { RequestRefused } from '@tradecore/service';
import type { TradingControl } from '@tradecore/trading';

/** Refuses with 412 `code` if If-Match does not match the version; without the header any version matches. */
export function mustMatch(ifMatch: TagTest | undefined, { version }: { readonly version: number }, code: string): void {
  const etag = etagOf({ version });
  if (!ifMatch || ifMatch(etag)) return;
  const errors = [{ pointer: '#/if-match', in: 'header' as const, code, detail: `does not match the current ETag ${etag}` }];
  const detail = 'This has changed since the version in If-Match.';
  throw new RequestRefused(412, code, detail, { errors, headers: { etag }, extensions: { version } });
}

/** 428 for a replacement of all limits without If-Match; the answer has the current limits. */
export function matchMissing({ version, limits }: Pick<TradingControl, 'version' | 'limits'>): RequestRefused {
  const detail = 'This replaces all limits of the scope: If-Match must be the ETag of the current limits, or *.';
  return new RequestRefused(428, 'if-match-missing', detail, {
    errors: [{ pointer: '#/if-match', in: 'header', code: 'missing', detail: 'is missing' }],
    headers: { etag: etagOf({ version }) },
    extensions: { version, limits },
  });
}
