import type { DataSource } from 'typeorm';

/** Reserved slots: `count`, the first in `waitMs` milliseconds. None if that is longer than a call may wait. */
export interface Reserved {
  readonly count: number;
  readonly waitMs: number;
}

/** The rate limit of one of a brokerage's APIs, for all replicas of the gateway together. */
export interface CallSlots {
  readonly perMinute: number;
  /** Reserves the next `count` slots, unless the first is more than `maxWaitMs` away. */
  reserve(count: number, maxWaitMs: number): Promise<Reserved>;
  /** The brokerage asked us to wait: no slot before then. */
  pause(ms: number): Promise<void>;
}

/**
 * A row holds the time of the next free slot; each call takes an equal share of a minute. After a pause, a tenth of a
 * minute's calls may be sent at once. Each reservation is one short statement, and nothing locks the row for longer.
 */
export function sharedSlots(dataSource: DataSource, api: 'trading' | 'market-data', perMinute: number): CallSlots {
  const slotMs = 60_000 / perMinute;
  const burstMs = Math.max(0, 6_000 - slotMs);
  return {
    perMinute,
    async reserve(count, maxWaitMs) {
      const [[row]] = await dataSource.query<[Reserved[], number]>(
        `update broker_gateway.call_slots s
            set free_at = case when b.wait <= $3::float8 then b.start + $2::int * $4::float8 * interval '1 millisecond' else s.free_at end
           from (select api, start, (extract(epoch from start - now) * 1000)::float8 as wait
                   from (select api, greatest(free_at, now - $5::float8 * interval '1 millisecond') as start, now
                           from broker_gateway.call_slots, clock_timestamp() now where api = $1 for update of call_slots) f) b
          where s.api = b.api
         returning b.wait as "waitMs", case when b.wait <= $3::float8 then $2::int else 0 end as count`,
        [api, count, maxWaitMs, slotMs, burstMs],
      );
      if (!row) throw new Error(`broker_gateway.call_slots has no row for ${api}`);
      return row;
    },
    async pause(ms) {
      await dataSource.query(
        `update broker_gateway.call_slots set free_at = greatest(free_at, clock_timestamp() + $2::float8 * interval '1 millisecond') where api = $1`,
        [api, ms],
      );
    },
  };
}
