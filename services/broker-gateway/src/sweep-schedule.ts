import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Brokerage } from './brokerage.ts';

/** A sweep that this process may run. */
export interface DueSweep {
  /** Everything before this time was compared; RFC 3339, by the brokerage's clock. Null: nothing yet. */
  readonly until: string | null;
  /** Whether a comparison of the whole day is due. */
  readonly isDaily: boolean;
}

/** How long a dead process's lease blocks a sweep. A longer sweep may run twice; only the later one's end counts. */
export const leaseMs = 10_000;
const dayEveryMs = 3_600_000;

/** Knows when the next sweep is due and lets only one process run it. */
@Injectable()
export class SweepSchedule {
  private readonly owner = randomUUID();

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Brokerage) private readonly brokerage: Brokerage,
  ) {}

  /** Makes the next sweep due now, for any process. */
  async ask(): Promise<void> {
    await this.dataSource.query('update broker_gateway.sweep set due_at = clock_timestamp()');
  }

  /** Takes the sweep if one is due; undefined if none is or another process runs it. */
  async take(): Promise<DueSweep | undefined> {
    const [rows] = await this.dataSource.query<[DueSweep[], number]>(
      `update broker_gateway.sweep
          set owner = $1, leased_until = clock_timestamp() + $2 * interval '1 millisecond', due_at = clock_timestamp() + $3 * interval '1 millisecond'
        where due_at <= clock_timestamp() and leased_until < clock_timestamp()
       returning to_char(until at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as until, day_due_at <= clock_timestamp() as "isDaily"`,
      [this.owner, leaseMs, this.brokerage.config.BROKER_SWEEP],
    );
    return rows[0];
  }

  /** Records that everything was compared up to that time. */
  async done(until: string, isDaily: boolean): Promise<void> {
    await this.dataSource.query(
      `update broker_gateway.sweep
          set leased_until = '-infinity', until = $2,
              day_due_at = case when $3 then clock_timestamp() + $4 * interval '1 millisecond' else day_due_at end
        where owner = $1`,
      [this.owner, until, isDaily, dayEveryMs],
    );
  }

  /** Records a failure: the sweep is due again at once, for any process. */
  async failed(): Promise<void> {
    await this.dataSource.query(
      `update broker_gateway.sweep set leased_until = '-infinity', due_at = clock_timestamp() where owner = $1`,
      [this.owner],
    );
  }
}
