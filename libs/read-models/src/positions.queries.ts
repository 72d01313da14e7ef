import type { InstrumentQuote } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';
import { decimal, multiply } from '@tradecore/money';
import { averageCost, unrealised, type Position } from '@tradecore/trading';
import type { PositionResponse } from './api/account-reads.ts';

interface Held extends Position {
  readonly symbol: string;
  readonly updatedAt: string;
}

/** What an account, which the caller has checked to be in scope, holds of each symbol, valued at the last prices that `quote` knows. */
export async function positionsOfAccount(
  db: Transaction,
  accountId: string,
  quote: (symbol: string) => InstrumentQuote | undefined,
): Promise<PositionResponse[]> {
  const rows = (await db.query(
    `select symbol, trim_scale(quantity)::text as quantity, trim_scale(cost_basis)::text as "costBasis",
            trim_scale(realised)::text as realised,
            to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "updatedAt"
       from position_projector.exported_positions where account_id = $1 order by symbol`,
    [accountId],
  )) as Held[];
  return rows.map((row) => positionResponseOf(row, quote(row.symbol)));
}

function positionResponseOf(held: Held, quote: InstrumentQuote | undefined): PositionResponse {
  const { symbol, quantity, costBasis: cost, realised, updatedAt } = held;
  const average = averageCost(held);
  return {
    symbol,
    quantity,
    ...(average !== undefined && { averageCost: average }),
    cost,
    realised,
    ...(quote && valuationOf(held, quote)),
    updatedAt,
  };
}

function valuationOf(held: Held, { lastPrice, pricedAt }: InstrumentQuote) {
  if (lastPrice === undefined) return {};
  return {
    lastPrice,
    ...(pricedAt !== undefined && { pricedAt }),
    marketValue: multiply(decimal(held.quantity), decimal(lastPrice), 'down'),
    unrealised: unrealised(held, lastPrice),
  };
}
