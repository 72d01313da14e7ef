import type { Transaction } from '@tradecore/event-sourcing';

/**
 * Rows that do not exist yet can't be locked, so the keys of shared rows are locked by advisory locks, folded to this many: six partitions'
 * batches of 500 keys would else fill PostgreSQL's lock table (64 x max_connections entries). Changing it needs all instances stopped.
 */
const slots = 128;

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value;
}

/** Locks the keys until the transaction ends, in one order, so that two batches wait for each other and never in a circle. */
export async function lockKeys(tx: Transaction, schema: string, keys: Iterable<string>): Promise<void> {
  const wanted = [...new Set([...keys].map((key) => (hash(key) >>> 0) % slots))].sort((a, b) => a - b);
  if (wanted.length === 0) return;
  await tx.query(`select pg_advisory_xact_lock($1, slot) from unnest($2::int[]) as slot`, [hash(schema), wanted]);
}
