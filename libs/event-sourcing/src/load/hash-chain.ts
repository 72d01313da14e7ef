import { createHash } from 'node:crypto';
import type { Transaction } from '../store/sql-event-store.ts';

/** The event fields that its hash covers, as text in PostgreSQL's spelling. */
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

/**
 * The hash of an event: sha256 of the previous hash and each field with its length. `event_fields` in SQL says the
 * same.
 */
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

/** Prefixed with its length; only -1 for null. */
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
  readonly aggregateId: string;
  readonly aggregateType: string;
  readonly hash: Buffer;
  /** The aggregate's row in `stream_heads`; null if there is none. */
  readonly headVersion: number | null;
  readonly headHash: Buffer | null;
}

/** Where a chain breaks, and how; version 0: the aggregate has a head but no event. */
export interface ChainFault {
  readonly aggregateId: string;
  readonly version: number;
  /**
   * The event's hash differs from the stored one, events before it are missing, or its aggregate's head is not its last
   * event.
   */
  readonly fault: 'changed' | 'missing' | 'head';
}

/** One page of the walk. */
export interface ChainsChecked {
  readonly events: number;
  readonly faults: readonly ChainFault[];
}

/** All aggregates, or some. */
export interface ChainsOptions {
  readonly aggregateIds?: readonly string[];
  /** Events per page; 1,000 when absent. */
  readonly pageSize?: number;
}

const lowest = '00000000-0000-0000-0000-000000000000';

/**
 * Recomputes chains and compares them with the stored ones: each event, no version gaps, the head equal to the last
 * event. Chains of any length, one page in memory. While the store is being written to, `transaction` must be
 * REPEATABLE READ: heads and events of one moment.
 */
export async function* verifyChains(
  transaction: Transaction,
  { aggregateIds, pageSize = 1000 }: ChainsOptions = {},
): AsyncGenerator<ChainsChecked> {
  const walk = new ChainWalk();
  const some = aggregateIds === undefined ? [] : [aggregateIds];
  let after: readonly [string, number] = [lowest, 0];
  for (;;) {
    const rows = (await transaction.query(chainRows(some.length > 0), [...after, pageSize, ...some])) as HashedRow[];
    const faults = rows.flatMap((row) => walk.take(row));
    const last = rows.at(-1);
    if (!last || rows.length < pageSize) {
      yield { events: rows.length, faults: [...faults, ...walk.end(), ...(await headsAlone(transaction, aggregateIds))] };
      return;
    }
    yield { events: rows.length, faults };
    after = [last.aggregateId, last.version];
  }
}

/** Follows events by aggregate and version. A break is reported once; from there the stored chain is trusted. */
class ChainWalk {
  #last: HashedRow | undefined;

  take(row: HashedRow): ChainFault[] {
    const isFirst = this.#last?.aggregateId !== row.aggregateId;
    const faults = isFirst ? this.end() : [];
    const expected = isFirst || !this.#last ? 1 : this.#last.version + 1;
    const previous = isFirst || !this.#last ? firstPrevious(row.aggregateType, row.aggregateId) : this.#last.hash;
    const { aggregateId, version } = row;
    if (version !== expected) faults.push({ aggregateId, version, fault: 'missing' });
    else if (!eventHash(previous, row).equals(row.hash)) faults.push({ aggregateId, version, fault: 'changed' });
    this.#last = row;
    return faults;
  }

  /** Checks the head of the aggregate that ends here. */
  end(): ChainFault[] {
    if (!this.#last) return [];
    const { aggregateId, version, hash, headVersion, headHash } = this.#last;
    return headVersion === version && headHash?.equals(hash) ? [] : [{ aggregateId, version, fault: 'head' }];
  }
}

const chainRows = (some: boolean): string => `
  select e.event_id as id, e.event_type as type, e.aggregate_version as version, e.schema_version as "schemaVersion",
         (extract(epoch from e."timestamp") * 1000000)::bigint::text as microseconds, e.correlation_id as "correlationId",
         e.causation_id as "causationId", e.saga_id as "sagaId", e.event_data::text as data, e.metadata::text as metadata,
         e.aggregate_id as "aggregateId", e.aggregate_type as "aggregateType", e.hash, h.version as "headVersion", h.hash as "headHash"
    from public.event_store e left join public.stream_heads h on h.aggregate_id = e.aggregate_id
   where (e.aggregate_id, e.aggregate_version) > ($1::uuid, $2::int) ${some ? 'and e.aggregate_id = any ($4::uuid[])' : ''}
   order by e.aggregate_id, e.aggregate_version limit $3`;

/** Heads whose events are gone. */
async function headsAlone(transaction: Transaction, aggregateIds: readonly string[] | undefined): Promise<ChainFault[]> {
  const rows = (await transaction.query(
    `select h.aggregate_id as "aggregateId" from public.stream_heads h
      where ($1::uuid[] is null or h.aggregate_id = any ($1)) and not exists (select from public.event_store e where e.aggregate_id = h.aggregate_id)`,
    [aggregateIds ?? null],
  )) as { aggregateId: string }[];
  return rows.map(({ aggregateId: id }) => ({ aggregateId: id, version: 0, fault: 'head' }));
}
