import { until, type World } from '../world.ts';

/** The reconciler judges in seconds what it judges within a minute in production. */
export const quickChecks = { CHECK_ROUND: '1000', CHECK_QUIET: '2000', CHECK_WINDOW: '5000', CHECK_SWEEP: '200' };

/** The reconciler's open findings, once it has compared the topics up to now and has looked at every touched aggregate. */
export async function findingsWhenCompared({ database }: Pick<World, 'database'>): Promise<string[]> {
  const since = new Date();
  await until(
    'the reconciler to have compared everything',
    async () => {
      const { rows } = await database.query(
        `select from reconciler.checks where check_name in ('topics', 'orphans') and covered_until > $1`,
        [since],
      );
      return rows.length === 2;
    },
    120_000,
  );
  const { rows } = await database.query<{ finding: string }>(
    `select check_name || ' ' || kind || ' ' || subject || ': ' || detail as finding from reconciler.findings where closed_at is null`,
  );
  return rows.map(({ finding }) => finding);
}
