import { Inject, Injectable } from '@nestjs/common';
import { bookedLate, orphansBetween, orphansNow } from '@tradecore/checks';
import { Around } from './around.ts';
import type { Check } from './reconciler.ts';

/** Events are asked for at most this far back at once. */
const stretchMs = 600_000;
const passing = ['placement', 'step', 'absent'];

/** Looks for what must have followed from something else, and has not. From the database alone: the brokerage's rate limit is the gateway's. */
@Injectable()
export class OrphansCheck implements Check {
  readonly name = 'orphans-check';

  constructor(@Inject(Around) private readonly around: Around) {}

  /** What is wrong now, and what was reported since the last round. */
  async round(): Promise<void> {
    const { dataSource, config, lead, findings } = this.around;
    const [state] = (await dataSource.query(
      `select clock_timestamp() as now, (select covered_until from reconciler.checks where check_name = 'orphans') as until`,
    )) as { now: Date; until: Date | null }[];
    const latest = (state?.now.getTime() ?? 0) - config.CHECK_WINDOW;
    const from = state?.until ?? new Date(latest - stretchMs);
    const to = new Date(Math.min(latest, from.getTime() + stretchMs));
    const now = await orphansNow(dataSource, config.CHECK_WINDOW);
    const { orphans, until } = await dataSource.transaction('REPEATABLE READ', (tx) => orphansBetween(tx, from, to));
    const unbooked = (await dataSource.query(
      `select subject from reconciler.findings where check_name = 'orphans' and kind = 'execution' and closed_at is null limit 100`,
    )) as { subject: string }[];
    const subjects = await bookedLate(
      dataSource,
      unbooked.map(({ subject }) => subject),
    );
    const faults = [...now, ...orphans].map((orphan) => ({ check: 'orphans' as const, ...orphan }));
    await lead.write(async (tx) => {
      await findings.open(tx, faults);
      await findings.close(tx, { check: 'orphans', kinds: passing, except: faults });
      await findings.close(tx, { check: 'orphans', kinds: ['execution'], subjects });
      await findings.covered(tx, 'orphans', until);
    });
  }
}
