import { expectNone } from '../agreement.ts';
import { until } from '../cluster.ts';
import type { Scene } from '../scene.ts';
import type { SidePod } from '../side-pod.ts';

/** Prints the metrics of the pod in which it runs. */
const metrics = `fetch('http://127.0.0.1:9081/metrics').then((answer) => answer.text()).then(console.log)`;

const job = 'e2e-restore-test';

/** What the chart brings for operators. */
export const operating: readonly Scene[] = [
  {
    name: 'operate',
    proves:
      'tradecore status answers in the pod of operators; the backup has a base on its volume, and its restore test restores it',
    run: async (stage) => {
      const side = await stage.side();
      const { code, out, err } = await side.tradecore('status');
      expectNone(code === 0 && !out.includes(`can't be looked at`) ? [] : [`tradecore status ended with ${code}:\n${out}${err}`]);
      await until('the backup to have a base', 120_000, async () => (await ageOf(side, 'base')) !== undefined);
      const { out: bases } = await side.exec(backupOf(side), 'sh', '-c', 'ls -d /var/lib/backup/*/bases/*/base.json');
      expectNone(bases.trim() === '' ? ['the volume of the backup holds no base'] : []);
      await restored(side);
      const rows = out.trim().split('\n').length;
      return `${rows} lines of status; ${bases.trim().split('\n').length} base; restored beside the live database`;
    },
  },
];

const backupOf = (side: SidePod): string => `deployment/${side.release.fullname}-backup`;

/** Has the weekly test of the backup run now. */
async function restored(side: SidePod): Promise<void> {
  const { release } = side;
  const began = Date.now();
  await release.kubectl('delete', 'job', job, '--ignore-not-found');
  await release.kubectl('create', 'job', job, `--from=cronjob/${release.fullname}-restore-test`);
  await release.kubectl('wait', `job/${job}`, '--for', 'condition=Complete', '--timeout', '240s');
  const isNoted = async (): Promise<boolean> => ((await ageOf(side, 'restore')) ?? Infinity) * 1000 < Date.now() - began;
  await until('the age of the restore to be shown', 60_000, isNoted);
  await release.kubectl('delete', 'job', job);
}

/** The same where it has never run: without it an alert fires after an hour. */
export async function tested(side: SidePod): Promise<void> {
  if ((await ageOf(side, 'restore')) === undefined) await restored(side);
}

/** Seconds since the newest base, or the last restore, as the backup shows it. */
async function ageOf(side: SidePod, of: 'base' | 'restore'): Promise<number | undefined> {
  const { out } = await side.exec(backupOf(side), 'node', '--eval', metrics);
  const [, age] = new RegExp(`^tradecore_backup_${of}_age_seconds(?:{.*})? (\\S+)$`, 'm').exec(out) ?? [];
  return age === undefined || !Number.isFinite(Number(age)) ? undefined : Number(age);
}
