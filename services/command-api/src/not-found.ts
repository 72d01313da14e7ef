import { RequestRefused } from '@tradecore/service';
import { AccountNotFound, OrderNotFound } from '@tradecore/trading';

/** For a `catch`: the order or account that was not found is the one at this place of the request; points there. */
export const pointAt =
  (place: { readonly pointer: string; readonly in?: 'path' }, detail = 'not found, or not visible to you') =>
  (error: unknown): never => {
    if (!(error instanceof OrderNotFound || error instanceof AccountNotFound)) throw error;
    throw new RequestRefused(404, error.code, error.message, { errors: [{ ...place, code: 'not-found', detail }] });
  };
