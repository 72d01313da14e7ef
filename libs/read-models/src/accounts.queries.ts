import { withoutNulls } from '@tradecore/consumers';
import { withTexts, type Transaction } from '@tradecore/event-sourcing';
import type { WithTexts } from '@tradecore/events';
import type { AccountRow, ActivityLine } from './accounts.projector.ts';

const stored = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const exact = (column: string) => `trim_scale(${column})::text`;

const accountColumns = `
  account_id as "accountId", owner, name, currency, ${exact('available')} as available, ${exact('reserved')} as reserved, version`;

/** An open account, as in lists. */
export interface AccountListed {
  readonly accountId: string;
  /** The subject of the owner's tokens. */
  readonly owner: string;
  readonly name?: string;
  readonly currency: string;
  readonly available: string;
  readonly reserved: string;
  readonly version: number;
}

/** An open account with the reservations of its open orders. */
export type AccountFound = AccountListed & Pick<AccountRow, 'reservations'>;

/** Rows as they are shown: without what is null, with the texts of what stands for one. */
async function shown<Row extends object>(db: Transaction, rows: readonly object[]): Promise<Row[]> {
  return (await withTexts(db, rows.map(withoutNulls))) as unknown as Row[];
}

/** The account, which the caller has checked to be in scope. */
export async function accountById(db: Transaction, accountId: string): Promise<AccountFound | undefined> {
  const [row] = (await db.query(
    `select ${accountColumns}, reservations from account_projector.exported_accounts where account_id = $1`,
    [accountId],
  )) as object[];
  return (await shown<AccountFound>(db, row ? [row] : []))[0];
}

/** A page of a list of accounts. */
export interface AccountPageQuery {
  readonly accounts: readonly string[];
  /** Id of the last account of the previous page. */
  readonly after?: string;
  readonly limit: number;
}

/** Those of the accounts that are open, by id, and the id after which the next page starts. */
export async function accountPage(
  db: Transaction,
  { accounts, after, limit }: AccountPageQuery,
): Promise<{ readonly accounts: readonly AccountListed[]; readonly next?: string }> {
  const rows = (await db.query(
    `select ${accountColumns} from account_projector.exported_accounts
      where account_id = any($1::uuid[]) and ($2::uuid is null or account_id > $2) order by account_id limit $3`,
    [accounts, after ?? null, limit + 1],
  )) as object[];
  const page = await shown<AccountListed>(db, rows.slice(0, limit));
  const last = page.at(-1);
  return { accounts: page, ...(rows.length > limit && last && { next: last.accountId }) };
}

/** The person of the subject `$1`; null if it never wrote and has no grant. */
const me = '(select person from people where subject = $1)';

/** A grant ends with its revocation in the store, since the model may lag or be parked. */
const notRevoked = `not exists (
  select from event_store e where e.aggregate_id = a.account_id and e.aggregate_version > a.version
     and e.event_type = 'AccountAccessRevoked' and e.event_data ->> 'person' = ${me}::text)`;

/**
 * Ids of the accounts that a subject owns or was granted access to, at most `limit`. Two selects, each by its index:
 * with `or` and an order the planner walks the primary key over every account.
 */
export async function accountsOfSubject(db: Transaction, subject: string, limit: number): Promise<string[]> {
  const rows = (await db.query(
    `with mine as materialized (
       select account_id from account_projector.exported_access where owner = ${me}
        union
       select account_id from account_projector.exported_access a where granted @> array[${me}] and ${notRevoked})
     select account_id from mine order by account_id limit $2`,
    [subject, limit],
  )) as { account_id: string }[];
  return rows.map((row) => row.account_id);
}

/** Whether a subject owns the account or was granted access to it. */
export async function isReadableBy(db: Transaction, subject: string, accountId: string): Promise<boolean> {
  const rows = (await db.query(
    `select from account_projector.exported_access a
      where account_id = $2 and (owner = ${me} or (granted @> array[${me}] and ${notRevoked}))`,
    [subject, accountId],
  )) as object[];
  return rows.length > 0;
}

/** The person of a subject; undefined if it never wrote and has no grant. */
export async function personOf(db: Transaction, subject: string): Promise<string | undefined> {
  const [row] = (await db.query('select person from people where subject = $1', [subject])) as { person: string }[];
  return row?.person;
}

/** Access revoked since then, and until when that is known: a transaction may commit what it stored a while ago. */
export async function revocationsSince(
  db: Transaction,
  since: string | undefined,
): Promise<{ readonly until: string; readonly revoked: readonly { readonly accountId: string; readonly subject: string }[] }> {
  const [row] = (await db.query(
    `select now()::text as until, (
       select coalesce(json_agg(json_build_object('accountId', aggregate_id, 'subject', subject)), '[]')
         from event_store join people on person = (event_data ->> 'person')::uuid
        where event_type = 'AccountAccessRevoked' and timestamp > coalesce($1::timestamptz, now()) - interval '2 min') as revoked`,
    [since ?? null],
  )) as Awaited<ReturnType<typeof revocationsSince>>[];
  if (!row) throw new Error('a select without a table gives one row');
  return row;
}

/** A page of an account's ledger; the caller has checked that the account is in scope. */
export interface LedgerPageQuery {
  readonly accountId: string;
  /** Version of the last line of the previous page; lines are newest first. */
  readonly before?: number;
  /** 1 to 500. */
  readonly limit: number;
}

const lineColumns = `
  event_id as "eventId", version, kind, ${stored('time')} as time, ${exact('available_change')} as "availableChange",
  ${exact('reserved_change')} as "reservedChange", ${exact('available')} as available, ${exact('reserved')} as reserved,
  order_id as "orderId", symbol, side, ${exact('quantity')} as quantity, ${exact('price')} as price, ${exact('fee')} as fee,
  ${exact('notional')} as notional, execution_id as "executionId", ${stored('executed_at')} as "executedAt", reference`;

/** A line of the ledger as it is shown. */
export type LedgerLine = WithTexts<ActivityLine>;

/** A page of the ledger, newest first, and where the next one starts; new lines change no page after a cursor. */
export interface LedgerPage {
  readonly lines: readonly LedgerLine[];
  readonly next?: number;
}

async function ledgerPage(db: Transaction, { accountId, before, limit }: LedgerPageQuery, only = ''): Promise<LedgerPage> {
  const rows = (await db.query(
    `select ${lineColumns} from account_projector.exported_activities
      where account_id = $1 and version < coalesce($2, 2147483647) ${only} order by version desc limit $3`,
    [accountId, before ?? null, limit + 1],
  )) as object[];
  const lines = await shown<LedgerLine>(
    db,
    rows.slice(0, limit).map((row) => ({ accountId, ...row })),
  );
  const last = lines.at(-1);
  return { lines, ...(rows.length > limit && last && { next: last.version }) };
}

/** The ledger of an account. */
export const activitiesOfAccount = (db: Transaction, query: LedgerPageQuery): Promise<LedgerPage> => ledgerPage(db, query);

/** Its executions, booked or reversed, newest first. */
export const executionsOfAccount = (db: Transaction, query: LedgerPageQuery): Promise<LedgerPage> =>
  ledgerPage(db, query, `and kind in ('fill', 'reversal')`);
