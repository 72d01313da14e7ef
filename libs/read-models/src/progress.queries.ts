import type { Transaction } from '@tradecore/event-sourcing';

/** How far a read model is with one aggregate. */
export interface Progress {
  /** Version of the last applied event; 0 for none. */
  readonly version: number;
  /** Why it has stopped for this aggregate until an operator redrives it. */
  readonly parked?: string;
}

/** The read models that a read can wait for: their place, and the aggregate type they follow. */
export const readModels = {
  orders: { schema: 'order_projector', follows: 'Order' },
  accounts: { schema: 'account_projector', follows: 'Account' },
  positions: { schema: 'position_projector', follows: 'Account' },
} as const;

/** One of `readModels`. */
export type ReadModel = keyof typeof readModels;

/** How far a read model is with an aggregate, even one without a row: what a consistency token waits for. */
export async function progressOf(db: Transaction, model: ReadModel, aggregateId: string): Promise<Progress> {
  const [row] = (await db.query(`select _version, _parked from ${readModels[model].schema}.progress where aggregate_id = $1`, [
    aggregateId,
  ])) as { _version: number; _parked: string | null }[];
  return row ? progress(row._version, row._parked) : { version: 0 };
}

/** Progress, as in each row of an exported view. */
export const progress = (version: number, parked: string | null): Progress => ({
  version,
  ...(parked !== null && { parked }),
});
