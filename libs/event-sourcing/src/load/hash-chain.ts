import { hash } from 'node:crypto';
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

const uuidBytes = 16;
const sizes = { length: 4, int4: 4, int8: 8 } as const;

/** Writes fields, each behind its length, into one buffer: it is hashed at once, in a fifth of the time that a hash takes field by field. */
class Fields {
  #at = 0;
  constructor(readonly bytes: Buffer) {}

  put(bytes: Buffer): this {
    this.#at += bytes.copy(this.bytes, this.#at);
    return this;
  }

  text(text: string, bytes: number): this {
    this.#length(bytes);
    this.#at += this.bytes.write(text, this.#at);
    return this;
  }

  /** Only -1 for null. */
  uuid(id: string | null): this {
    this.#length(id === null ? -1 : uuidBytes);
    if (id !== null) this.#at += this.bytes.write(id.replaceAll('-', ''), this.#at, 'hex');
    return this;
  }

  int4(value: number): this {
    this.#length(sizes.int4);
    this.#at = this.bytes.writeInt32BE(value, this.#at);
    return this;
  }

  int8(value: bigint): this {
    this.#length(sizes.int8);
    this.#at = this.bytes.writeBigInt64BE(value, this.#at);
    return this;
  }

  hash(): Buffer {
    return hash('sha256', this.bytes.subarray(0, this.#at), 'buffer');
  }

  #length(bytes: number): void {
    this.#at = this.bytes.writeInt32BE(bytes, this.#at);
  }
}

/** What the first event of an aggregate is chained to. */
export function firstPrevious(aggregateType: string, aggregateId: string): Buffer {
  const size = Buffer.byteLength(aggregateType);
  const fields = new Fields(Buffer.allocUnsafe(2 * sizes.length + size + uuidBytes));
  return fields.text(aggregateType, size).uuid(aggregateId).hash();
}

/**
 * The hash of an event: sha256 of the previous hash and each field with its length. `event_fields` in SQL says the
 * same.
 */
export function eventHash(previous: Buffer, fields: HashedFields): Buffer {
  const [type, data, metadata] = [fields.type, fields.data, fields.metadata].map((text) => Buffer.byteLength(text)) as [
    number,
    number,
    number,
  ];
  const fixed = previous.length + 10 * sizes.length + 4 * uuidBytes + 2 * sizes.int4 + sizes.int8;
  return new Fields(Buffer.allocUnsafe(fixed + type + data + metadata))
    .put(previous)
    .uuid(fields.id)
    .text(fields.type, type)
    .int4(fields.version)
    .int4(fields.schemaVersion)
    .int8(BigInt(fields.microseconds))
    .uuid(fields.correlationId)
    .uuid(fields.causationId)
    .uuid(fields.sagaId)
    .text(fields.data, data)
    .text(fields.metadata, metadata)
    .hash();
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
