import type { Transaction } from '@tradecore/event-sourcing';
import type { Reservation } from '@tradecore/events';
import { add, decimal } from '@tradecore/money';
import type { AccountPageResponse, ActivityResponse, ExecutionResponse } from './api/account-reads.ts';
import type { AccountResponse } from './api/accounts.ts';
import type { AccountRow, ActivityLine } from './accounts.projector.ts';

const stored = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const exact = (column: string) => `trim_scale(${column})::text`;

const accountColumns = `
  account_id as "accountId", owner, name, currency, ${exact('available')} as available, ${exact('reserved')} as reserved, version`;

type Selected = Required<Pick<AccountRow, 'accountId' | 'owner' | 'currency' | 'available' | 'reserved' | 'version'>> & {
  readonly name: string | null;
};

function summaryOf({ accountId: id, owner, name, currency, available, reserved, version }: Selected) {
  const cash = add(decimal(available), decimal(reserved));
  return {
    id,
    owner,
    ...(name !== null && { name }),
    currency: currency as AccountResponse['currency'],
    cash,
    reserved,
    buyingPower: available,
    version,
  };
}

/** Orders were placed at different times, and their ids don't tell: by symbol, then by order, so that equal accounts are equal texts. */
const bySymbol = (one: Reservation, other: Reservation): number =>
  one.symbol === other.symbol ? (one.orderId < other.orderId ? -1 : 1) : one.symbol < other.symbol ? -1 : 1;

/** The account, when it is there and one of these; a foreign one is not told from one that is not there. */
export async function accountById(
  db: Transaction,
  accountId: string,
  accounts: readonly string[],
): Promise<AccountResponse | undefined> {
  const [row] = (await db.query(
    `select ${accountColumns}, reservations from account_projector.exported_accounts
      where account_id = $1 and account_id = any($2::uuid[])`,
    [accountId, accounts],
  )) as (Selected & Pick<AccountRow, 'reservations'>)[];
  if (!row) return undefined;
  const { version, ...summary } = summaryOf(row);
  return { ...summary, reservations: Object.values(row.reservations).sort(bySymbol), version };
}

/** Which page of a list of accounts. */
export interface AccountPageQuery {
  readonly accounts: readonly string[];
  /** Id of the last account of the page before. */
  readonly after?: string;
  readonly limit: number;
}

/** Those of the accounts that were opened, by id, and the id after which the next page starts. */
export async function accountPage(
  db: Transaction,
  { accounts, after, limit }: AccountPageQuery,
): Promise<Pick<AccountPageResponse, 'accounts'> & { readonly next?: string }> {
  const rows = (await db.query(
    `select ${accountColumns} from account_projector.exported_accounts
      where account_id = any($1::uuid[]) and ($2::uuid is null or account_id > $2) order by account_id limit $3`,
    [accounts, after ?? null, limit + 1],
  )) as Selected[];
  const page = rows.slice(0, limit).map(summaryOf);
  const last = page.at(-1);
  return { accounts: page, ...(rows.length > limit && last && { next: last.id }) };
}

/**
 * Ids of the accounts that a subject owns or was let into, at most `limit` of them. Two selects, each by its index: with `or` and an order the
 * planner walks the primary key and looks at every account.
 */
export async function accountsOfSubject(db: Transaction, subject: string, limit: number): Promise<string[]> {
  const rows = (await db.query(
    `with mine as materialized (
       select account_id from account_projector.exported_access where owner = $1
        union
       select account_id from account_projector.exported_access where subjects @> array[$1::text])
     select account_id from mine order by account_id limit $2`,
    [subject, limit],
  )) as { account_id: string }[];
  return rows.map((row) => row.account_id);
}

/** Which page of an account's ledger; the caller has checked that the account is in scope. */
export interface LedgerPageQuery {
  readonly accountId: string;
  /** Version of the last line of the page before; lines are newest first. */
  readonly before?: number;
  /** 1 to 500. */
  readonly limit: number;
}

const lineColumns = `
  event_id as "eventId", version, kind, ${stored('time')} as time, ${exact('available_change')} as "availableChange",
  ${exact('reserved_change')} as "reservedChange", ${exact('available')} as available, ${exact('reserved')} as reserved,
  order_id as "orderId", symbol, side, ${exact('quantity')} as quantity, ${exact('price')} as price, ${exact('fee')} as fee,
  ${exact('notional')} as notional, execution_id as "executionId", ${stored('executed_at')} as "executedAt", reference`;

type Nullable<T> = { readonly [K in keyof T]: undefined extends T[K] ? NonNullable<T[K]> | null : T[K] };
type SelectedLine = Omit<Nullable<Required<ActivityLine>>, 'accountId'>;

async function ledgerPage(
  db: Transaction,
  { accountId, before, limit }: LedgerPageQuery,
  only = '',
): Promise<{ readonly lines: readonly ActivityLine[]; readonly next?: number }> {
  const rows = (await db.query(
    `select ${lineColumns} from account_projector.exported_activities
      where account_id = $1 and version < coalesce($2, 2147483647) ${only} order by version desc limit $3`,
    [accountId, before ?? null, limit + 1],
  )) as SelectedLine[];
  const lines = rows.slice(0, limit).map((row) => withoutNulls({ accountId, ...row }) as unknown as ActivityLine);
  const last = lines.at(-1);
  return { lines, ...(rows.length > limit && last && { next: last.version }) };
}

const withoutNulls = (row: object): object => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));

function activityOf(line: ActivityLine): ActivityResponse {
  const { eventId: id, version, kind, time, reservedChange, available, reserved, availableChange, ...rest } = line;
  const { accountId: _, notional: _n, executedAt: _e, ...details } = rest;
  return {
    id,
    version,
    kind,
    time,
    cashChange: add(decimal(availableChange), decimal(reservedChange)),
    reservedChange,
    cash: add(decimal(available), decimal(reserved)),
    reserved,
    buyingPower: available,
    ...details,
  };
}

/** The ledger of an account, newest first, and where the next page starts; lines that come meanwhile change no page after a cursor. */
export async function activitiesOfAccount(
  db: Transaction,
  query: LedgerPageQuery,
): Promise<{ readonly activities: readonly ActivityResponse[]; readonly next?: number }> {
  const { lines, next } = await ledgerPage(db, query);
  return { activities: lines.map(activityOf), ...(next !== undefined && { next }) };
}

function executionOf(line: ActivityLine): ExecutionResponse {
  const { executionId, orderId, symbol, side, quantity, price, notional, fee, executedAt, time, version } =
    line as Required<ActivityLine>;
  return { id: executionId, orderId, symbol, side, quantity, price, notional, fee, executedAt, settledAt: time, version };
}

/** The trades of an account, the one booked last first. */
export async function executionsOfAccount(
  db: Transaction,
  query: LedgerPageQuery,
): Promise<{ readonly executions: readonly ExecutionResponse[]; readonly next?: number }> {
  const { lines, next } = await ledgerPage(db, query, `and kind = 'fill'`);
  return { executions: lines.map(executionOf), ...(next !== undefined && { next }) };
}
