import { groupsOf } from '@tradecore/local/watch/alerts/rules.ts';
import { publish, withPublished, type TableRow } from '../published.ts';
import { faults, notDrilled } from './faults.ts';

const command = 'drill -- alerts';

/** The columns of the table in docs/watch.md. */
export const titles = ['alert', 'fault', 'pending', 'fires', 'ends after the cure', 'in production held for'];

const rules = groupsOf().flatMap((group) => group.alerts);

/** For how long it must be so in production: `2m`. */
export const held = (alert: string): string => rules.find((rule) => rule.alert === alert)?.for ?? 'at once';

/** Writes the rows that were played into docs/watch.md; those of other faults stay as they were measured before. */
export function publishTimes(played: readonly TableRow[]): void {
  const keyOf = ([alert, fault]: TableRow): string => `${alert} ${fault}`;
  const known = withPublished('watch.md', command, played, keyOf);
  const rows = faults.flatMap(({ alerts, fault }) => alerts.flatMap((alert) => [known.get(keyOf([alert, fault]))].filter(isRow)));
  const others = Object.entries(notDrilled).map(([alert, why]) => [alert, `promtool only: ${why}`, '', '', '', held(alert)]);
  publish('watch.md', command, [titles, ...rows, ...others]);
}

const isRow = (row: TableRow | undefined): row is TableRow => row !== undefined;
