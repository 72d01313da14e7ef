import { etagOf, type TagTest } from '@tradecore/api';
import { RequestRefused } from '@tradecore/service';
import type { TradingControl } from '@tradecore/trading';

/** Refuses with 412 `code` what has another version than the ones that If-Match names; without the header any will do. */
export function mustMatch(ifMatch: TagTest | undefined, { version }: { readonly version: number }, code: string): void {
  const etag = etagOf({ version });
  if (!ifMatch || ifMatch(etag)) return;
  const errors = [{ pointer: '#/if-match', in: 'header' as const, code, detail: `is not the ETag ${etag} that it has now` }];
  const detail = 'This has changed since the version that If-Match names.';
  throw new RequestRefused(412, code, detail, { errors, headers: { etag }, extensions: { version } });
}

/** Who replaces a whole has to say what: 428 without If-Match. The answer tells what there is now. */
export function matchMissing({ version, limits }: Pick<TradingControl, 'version' | 'limits'>): RequestRefused {
  const detail = 'This replaces all limits of the scope: If-Match must name the ETag of those that it replaces, or be *.';
  return new RequestRefused(428, 'if-match-missing', detail, {
    errors: [{ pointer: '#/if-match', in: 'header', code: 'missing', detail: 'is missing' }],
    headers: { etag: etagOf({ version }) },
    extensions: { version, limits },
  });
}
