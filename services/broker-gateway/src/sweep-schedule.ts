import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Brokerage } from './brokerage.ts';

/** A sweep that this process may make. Times are RFC 3339, of the brokerage's clock but `isDaily`. */
export interface DueSweep {
  /** Until when everything was compared; null: never yet. */
  readonly until: string | null;
  /** The lists of a whole day are due. */
  readonly isDaily: boolean;
}

/** A sweep that dies leaves its lease behind for so long; one that takes longer may be made twice, and only the later one's end counts. */
export const leaseMs = 10_000;
const dayEveryMs = 3_600_000;

/** When the next sweep is due, and that only one process makes it. */
@Injectable()
export class SweepSchedule {
  private readonly owner = randomUUID();

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Brokerage) private readonly brokerage: Brokerage,
  ) {}

  /** Makes the next one due now, whoever makes it. */
  async ask(): Promise<void> {
    await this.dataSource.query('update broker_gateway.sweep set due_at = clock_timestamp()');
  }

  /** Takes the sweep that is due; undefined when none is, or another process makes it. */
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

  /** Everything was compared until that time. */
  async done(until: string, isDaily: boolean): Promise<void> {
    await this.dataSource.query(
      `update broker_gateway.sweep
          set leased_until = '-infinity', until = $2,
              day_due_at = case when $3 then clock_timestamp() + $4 * interval '1 millisecond' else day_due_at end
        where owner = $1`,
      [this.owner, until, isDaily, dayEveryMs],
    );
  }

  /** It did not come to its end: it is due again at once, for whoever is next. */
  async failed(): Promise<void> {
    await this.dataSource.query(
      `update broker_gateway.sweep set leased_until = '-infinity', due_at = clock_timestamp() where owner = $1`,
      [this.owner],
    );
  }
}
