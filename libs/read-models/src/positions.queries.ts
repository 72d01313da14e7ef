import type { Transaction } from '@tradecore/event-sourcing';
import type { PositionRow } from './positions.projector.ts';

/** What an account holds or held of each symbol; the caller has checked that it is in scope. */
export async function positionsOfAccount(
  db: Transaction,
  accountId: string,
): Promise<Omit<PositionRow, 'holding' | 'accountId'>[]> {
  return (await db.query(
    `select symbol, trim_scale(quantity)::text as quantity, trim_scale(cost_basis)::text as "costBasis",
            trim_scale(realised)::text as realised, version,
            to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "updatedAt"
       from position_projector.exported_positions where account_id = $1 order by symbol`,
    [accountId],
  )) as Omit<PositionRow, 'holding' | 'accountId'>[];
}
