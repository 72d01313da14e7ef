import { withTexts, type Transaction } from '@tradecore/event-sourcing';
import type { FeedLine } from './feed.projector.ts';

/** A place in an account's feed: after entry `sequence`, 0 for the start. */
export interface FeedPosition {
  readonly epoch: string;
  readonly sequence: number;
}

/** One numbered change in an account. */
export interface FeedEntry extends Omit<FeedLine, 'sequence'> {
  readonly epoch: string;
  readonly sequence: number;
}

/** The entries after a position. */
export interface FeedSlice {
  /**
   * Where the feed ends now. If its epoch differs from the requested one, the feed was rebuilt and `entries` is empty.
   */
  readonly head: FeedPosition;
  readonly entries: readonly FeedEntry[];
}

interface Line extends Omit<FeedEntry, 'sequence' | 'accountId' | 'orderId' | 'orderVersion'> {
  readonly head: string;
  readonly sequence: string | null;
  readonly orderId: string | null;
  readonly orderVersion: number | null;
}

/** The entry in a row; none in a row that has only the head. */
function entryOf(accountId: string, { head: _, sequence, orderId, orderVersion, ...line }: Line): FeedEntry[] {
  if (sequence === null) return [];
  const order = { ...(orderId !== null && { orderId }), ...(orderVersion !== null && { orderVersion }) };
  return [{ ...line, ...order, accountId, sequence: Number(sequence) }];
}

/**
 * At most `limit` entries after a position, of an account that the caller has checked to be in scope; one statement,
 * one snapshot.
 */
export async function feedAfter(db: Transaction, accountId: string, after: FeedPosition, limit: number): Promise<FeedSlice> {
  const lines = (await db.query('select * from feed_projector.feed_after($1, $2, $3, $4)', [
    accountId,
    after.epoch,
    after.sequence,
    limit,
  ])) as Line[];
  const [first] = lines;
  if (!first) throw new Error('the schema of the feed is missing');
  const entries = (await withTexts(
    db,
    lines.flatMap((line) => entryOf(accountId, line)),
  )) as FeedEntry[];
  return { head: { epoch: first.epoch, sequence: Number(first.head) }, entries };
}

/** The traces of the events behind these entries. */
export async function feedTraces(db: Transaction, entries: readonly { readonly eventId: string }[]): Promise<string[]> {
  const rows = (await db.query(
    `select metadata ->> 'traceparent' as traceparent from event_store where event_id = any ($1::uuid[]) and metadata ? 'traceparent'`,
    [entries.map(({ eventId }) => eventId)],
  )) as { traceparent: string }[];
  return rows.map(({ traceparent }) => traceparent);
}

/** Where the feeds of these accounts end; 0 for an account without entries. */
export async function feedHeads(db: Transaction, accountIds: readonly string[]): Promise<ReadonlyMap<string, FeedPosition>> {
  const rows = (await db.query(
    `select a.account_id as "accountId", p.epoch, coalesce(f.sequence, 0) as sequence
       from unnest($1::uuid[]) as a (account_id)
      cross join feed_projector.exported_epoch p
       left join feed_projector.exported_feeds f on f.account_id = a.account_id`,
    [accountIds],
  )) as { accountId: string; epoch: string; sequence: string }[];
  return new Map(rows.map(({ accountId, epoch, sequence }) => [accountId, { epoch, sequence: Number(sequence) }]));
}

/**
 * The Redis channel on which the feed-projector announces, after its commit, whose feed grew: a message is one
 * account's id. Only a hint.
 */
export const feedHintChannel = (namespace: string): string => (namespace === '' ? 'feed-hints' : `${namespace}.feed-hints`);
