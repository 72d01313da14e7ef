import type { Alert, Group, Severity } from './alert.ts';
import { timesOf } from './alert.ts';
import { backupAlerts } from './backup.ts';
import { budgetAlerts } from './budgets.ts';
import { eventAlerts, readerAlerts } from './events.ts';
import { fleetAlerts } from './fleet.ts';
import { orderAlerts } from './orders.ts';
import { serverAlerts } from './servers.ts';

/** Where the pages of docs/runbooks are read: alerts and boards link to them. */
export const runbooks = 'https://tradecore.dev/runbooks';

/** Every group, with all times divided by `scale`. */
export function groupsOf(scale = 1): Group[] {
  const times = timesOf(scale);
  return [fleetAlerts, budgetAlerts, eventAlerts, readerAlerts, orderAlerts, backupAlerts, serverAlerts].map((of) => of(times));
}

/** An alert as Prometheus' file has it. */
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: Severity; readonly window?: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}

/** The file of rules, as an object. */
export function rulesOf(scale = 1): { groups: object[] } {
  return {
    groups: groupsOf(scale).map(({ name, recordings = [], alerts }) => ({ name, rules: [...recordings, ...alerts.map(ruleOf)] })),
  };
}

const ruleOf = ({ alert, severity, expr, for: held, window, summary, runbook }: Alert): Rule => ({
  alert,
  expr,
  ...(held !== undefined && { for: held }),
  labels: { severity, ...(window !== undefined && { window }) },
  annotations: { summary, runbook_url: `${runbooks}/${runbook}` },
});
