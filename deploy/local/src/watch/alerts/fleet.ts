import { insiders } from '../../runner/service-list.ts';
import { most, type Alert, type Group, type Times } from './alert.ts';
import { limits } from './limits.ts';

/** Fleets of which a service answers: neither the paper broker nor a backup is one. */
export const fleet = 'tradecore:fleet';
const services = insiders.map(({ name }) => name).join('|');

/** A fleet of which anything is seen, without a process of the service that answers: gone, hung, or never started. */
const without = (service: string): string =>
  `label_replace(${fleet} unless on (namespace) tradecore_build_info{service="${service}"}, "service", "${service}", "", "")`;

/** Whether processes are there, and alike. */
export const fleetAlerts = (times: Times): Group => ({
  name: 'tradecore-fleet',
  recordings: [{ record: fleet, expr: `group by (namespace) (tradecore_build_info{service=~"${services}"})` }],
  alerts: [...presence(times), ...health(times)],
});

const presence = ({ span }: Times): Alert[] => [
  {
    alert: 'Watchdog',
    severity: 'none',
    expr: 'vector(1)',
    summary: 'Fires always: who does not hear it any more has no alerts.',
    runbook: 'watch',
  },
  {
    alert: 'FleetDown',
    severity: 'critical',
    expr: `group by (namespace) (last_over_time(${fleet}[${span(86_400)}])) unless ${fleet} or absent(last_over_time(${fleet}[${span(86_400)}]))`,
    for: span(60),
    summary: 'No process of the fleet answers.',
    runbook: 'service-down',
  },
  {
    alert: 'ServiceDown',
    severity: 'critical',
    expr: insiders.map(({ name }) => without(name)).join('\nor '),
    for: span(60),
    summary: 'No process of this service answers.',
    runbook: 'service-down',
  },
  {
    alert: 'InstanceDown',
    severity: 'warning',
    expr: `max by (namespace, instance, service) (last_over_time(tradecore_build_info[${span(86_400)}])) and on (namespace, instance) up == 0`,
    for: span(300),
    summary: 'A process does not answer.',
    runbook: 'service-down',
  },
  {
    alert: 'InstanceRestarts',
    severity: 'warning',
    expr: `changes(process_start_time_seconds[${span(3600)}]) * on (instance, namespace) group_left (service) max by (instance, namespace, service) (tradecore_build_info) > ${limits.restarts}`,
    summary: 'A process starts again and again.',
    runbook: 'service-down',
  },
  {
    alert: 'VersionSkew',
    severity: 'warning',
    expr: `count by (namespace) (group by (namespace, version, revision) (tradecore_build_info)) > 1`,
    for: span(1800),
    summary: 'Processes of different releases have run beside each other for half an hour.',
    runbook: 'version-skew',
  },
];

const health = ({ span, age }: Times): Alert[] => [
  {
    alert: 'WatchBlind',
    severity: 'critical',
    expr: `time() - ${most('tradecore_gauges_refreshed_timestamp_seconds', 'of')} > ${age(limits.gaugesSeconds)}`,
    for: span(120),
    summary: 'What tables and topics hold is not read any more: alerts about them see old figures.',
    runbook: 'watch',
  },
  {
    alert: 'LoopStuck',
    severity: 'critical',
    expr: `${most('tradecore_loop_attempt_age_seconds', 'loop')} > ${age(limits.attemptSeconds)}`,
    for: span(60),
    summary: 'An attempt of a loop neither ends nor fails; what the loop carries does not move.',
    runbook: 'loop-stuck',
  },
  {
    alert: 'PoolExhausted',
    severity: 'warning',
    expr: `max by (namespace, instance) (min_over_time(tradecore_database_pool_waiting[${span(60)}])) > 0`,
    for: span(60),
    summary: 'Work of a process has waited for a database connection for two minutes.',
    runbook: 'database',
  },
];
