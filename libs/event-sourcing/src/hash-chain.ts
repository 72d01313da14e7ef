import { createHash } from 'node:crypto';
import type { Transaction } from './sql-event-store.ts';
import { BrokenHistory } from './store-errors.ts';

/** The fields of an event that its hash covers, texts as PostgreSQL writes them. */
export interface HashedFields {
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly schemaVersion: number;
  /** Microseconds since 1970 (or before, negative), as a decimal number. */
  readonly microseconds: string;
  readonly correlationId: string | null;
  readonly causationId: string | null;
  readonly sagaId: string | null;
  /** `event_data::text` */
  readonly data: string;
  /** `metadata::text` */
  readonly metadata: string;
}

/** What the first event of an aggregate is chained to. */
export const firstPrevious = (aggregateType: string, aggregateId: string): Buffer =>
  createHash('sha256')
    .update(field(Buffer.from(aggregateType)))
    .update(field(uuidBytes(aggregateId)))
    .digest();

/** The hash of an event: sha256 of the previous hash and each field with its length. `event_fields` in SQL says the same. */
export function eventHash(previous: Buffer, fields: HashedFields): Buffer {
  const hash = createHash('sha256').update(previous);
  const values = [
    uuidBytes(fields.id),
    Buffer.from(fields.type),
    int4(fields.version),
    int4(fields.schemaVersion),
    int8(fields.microseconds),
    ...[fields.correlationId, fields.causationId, fields.sagaId].map((id) => (id === null ? null : uuidBytes(id))),
    Buffer.from(fields.data),
    Buffer.from(fields.metadata),
  ];
  for (const value of values) hash.update(field(value));
  return hash.digest();
}

/** With its length in front; -1 and nothing for null. */
const field = (value: Buffer | null): Buffer => (value === null ? int4(-1) : Buffer.concat([int4(value.length), value]));

const uuidBytes = (id: string): Buffer => Buffer.from(id.replaceAll('-', ''), 'hex');

function int4(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int8(value: string): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

interface HashedRow extends HashedFields {
  readonly aggregateType: string;
  readonly hash: Buffer;
}

/**
 * Computes the chain of an aggregate anew and compares it with what is stored. Returns how many events it holds; throws `BrokenHistory`
 * at the first that was changed, removed or put in between. Reads up to 10,000 events.
 */
export async function verifyChain(transaction: Transaction, aggregateId: string): Promise<number> {
  const rows = (await transaction.query(
    `select event_id as id, event_type as type, aggregate_version as version, schema_version as "schemaVersion",
            (extract(epoch from "timestamp") * 1000000)::bigint::text as microseconds, correlation_id as "correlationId",
            causation_id as "causationId", saga_id as "sagaId", event_data::text as data, metadata::text as metadata,
            aggregate_type as "aggregateType", hash
       from public.event_store where aggregate_id = $1 order by aggregate_version limit 10000`,
    [aggregateId],
  )) as HashedRow[];
  let previous = firstPrevious(rows[0]?.aggregateType ?? '', aggregateId);
  for (const [index, row] of rows.entries()) {
    const hash = eventHash(previous, row);
    if (row.version !== index + 1 || !hash.equals(row.hash)) {
      throw new BrokenHistory(`${aggregateId}: the chain breaks at version ${row.version}`);
    }
    previous = hash;
  }
  return rows.length;
}
