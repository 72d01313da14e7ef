import type { Alert, Group, Recording, Severity, Times } from './alert.ts';
import { limits } from './limits.ts';

interface Window {
  readonly long: number;
  readonly short: number;
  /** How many times faster than the objective allows. */
  readonly factor: number;
  readonly for: number;
  readonly severity: Severity;
}

const [minute, hour, day] = [60, 3600, 86_400];

/** The four windows of the SRE workbook: 2 % of the budget in an hour, 5 % in six, 10 % in a day and in three. */
const windows: readonly Window[] = [
  { long: hour, short: 5 * minute, factor: 14.4, for: 2 * minute, severity: 'critical' },
  { long: 6 * hour, short: 30 * minute, factor: 6, for: 15 * minute, severity: 'critical' },
  { long: day, short: 2 * hour, factor: 3, for: hour, severity: 'warning' },
  { long: 3 * day, short: 6 * hour, factor: 1, for: 3 * hour, severity: 'warning' },
];
const spans = [...new Set(windows.flatMap(({ long, short }) => [long, short]))].sort((one, other) => one - other);

/** A promise that has a budget of faults. */
interface Promise {
  /** The metric's name before the window: `tradecore:door_errors:ratio`. */
  readonly record: string;
  readonly by: string;
  /** The share of what broke it within a window. */
  readonly share: (window: string) => string;
  readonly objective: number;
  readonly alert: string;
  readonly summary: string;
  readonly runbook: string;
}

const requests = 'tradecore_http_request_duration_seconds_count';

const doors: Promise = {
  record: 'tradecore:door_errors:ratio',
  by: 'namespace',
  share: (window) =>
    `sum by (namespace) (rate(${requests}{status="5xx"}[${window}])) / sum by (namespace) (rate(${requests}[${window}]))`,
  objective: limits.doorsObjective,
  alert: 'DoorErrorBudgetBurn',
  summary: 'The doors answer more requests with 5xx than the promise allows.',
  runbook: 'error-budget',
};

const staleModels = 'tradecore:model_stale:bool';
const freshness: Promise = {
  record: 'tradecore:model_stale:ratio',
  by: 'namespace, group',
  share: (window) => `avg_over_time(${staleModels}[${window}])`,
  objective: limits.freshnessObjective,
  alert: 'FreshnessBudgetBurn',
  summary: 'A read model is behind the store for longer than the promise allows.',
  runbook: 'error-budget',
};

const recordings = ({ record, share }: Promise, { span }: Times): Recording[] =>
  spans.map((each) => ({ record: `${record}:${nameOf(each)}`, expr: share(span(each)) }));

/** One alert a severity: two windows each, and the short one ends it soon after the fault has ended. */
const alertsOf = (promise: Promise, { span }: Times): Alert[] =>
  windows.map(({ long, short, factor, severity, for: seconds }) => {
    const over = (window: number): string =>
      `${promise.record}:${nameOf(window)} > ${Number((factor * (1 - promise.objective)).toFixed(6))}`;
    return {
      alert: promise.alert,
      window: nameOf(long),
      severity,
      expr: `${over(long)} and on (${promise.by}) ${over(short)}`,
      for: span(seconds),
      summary: promise.summary,
      runbook: promise.runbook,
    };
  });

/** The name of a window stays under a scale: boards and runbooks name it. */
const nameOf = (seconds: number): string =>
  seconds >= day ? `${seconds / day}d` : seconds >= hour ? `${seconds / hour}h` : `${seconds / minute}m`;

/** What the doors and the read models promise, and how fast its budget is spent. */
export function budgetAlerts(times: Times): Group {
  const stale: Recording = {
    record: staleModels,
    expr: `max by (namespace, group) (tradecore_model_staleness_seconds) > bool ${limits.staleSeconds}`,
  };
  return {
    name: 'tradecore-budgets',
    recordings: [...recordings(doors, times), stale, ...recordings(freshness, times)],
    alerts: [...alertsOf(doors, times), ...alertsOf(freshness, times)],
  };
}
