import type { Alert, Group, Times } from './alert.ts';
import { limits } from './limits.ts';

/**
 * Servers by the metrics of their own exporters: Redpanda's /public_metrics, postgres_exporter, redis_exporter,
 * kube-state-metrics and the kubelet. Without such targets none of these fires.
 */
export function serverAlerts(times: Times): Group {
  return { name: 'tradecore-servers', alerts: [...postgres(times), ...redis(times), ...redpanda(times), ...volumes(times)] };
}

const postgres = ({ span }: Times): Alert[] => [
  {
    alert: 'PostgresDown',
    severity: 'critical',
    expr: 'max by (namespace, instance) (pg_up) == 0',
    for: span(60),
    summary: 'PostgreSQL does not answer its exporter.',
    runbook: 'servers',
  },
  {
    alert: 'PostgresConnections',
    severity: 'warning',
    expr: `sum by (namespace, instance) (pg_stat_activity_count) / on (namespace, instance) max by (namespace, instance) (pg_settings_max_connections) > ${limits.connectionShare}`,
    for: span(300),
    summary: "Over four fifths of PostgreSQL's connections are taken.",
    runbook: 'database',
  },
  {
    alert: 'PostgresLongTransaction',
    severity: 'warning',
    expr: `max by (namespace, instance, datname) (pg_stat_activity_max_tx_duration) > ${limits.transactionSeconds}`,
    for: span(60),
    summary: 'A transaction stays open; dead rows are kept and the tables of the second grow.',
    runbook: 'database',
  },
];

const redis = ({ span }: Times): Alert[] => [
  {
    alert: 'RedisDown',
    severity: 'warning',
    expr: 'max by (namespace, instance) (redis_up) == 0',
    for: span(60),
    summary: 'Redis does not answer: reads miss their cache, streams wait for their poll, rates are counted by each process.',
    runbook: 'servers',
  },
  {
    alert: 'RedisMemory',
    severity: 'warning',
    expr: `max by (namespace, instance) (redis_memory_used_bytes / (redis_memory_max_bytes > 0)) > ${limits.memoryShare}`,
    for: span(300),
    summary: 'Redis has nearly all the memory that it may have.',
    runbook: 'servers',
  },
];

const redpanda = ({ span }: Times): Alert[] => [
  {
    alert: 'RedpandaNodeDown',
    severity: 'critical',
    expr:
      `count by (namespace) (redpanda_application_uptime_seconds_total)` +
      ` < on (namespace) max by (namespace) (max_over_time(redpanda_cluster_brokers[${span(86_400)}]))`,
    for: span(120),
    summary: 'A node of Redpanda is away.',
    runbook: 'servers',
  },
  {
    alert: 'RedpandaLeaderless',
    severity: 'critical',
    expr: 'max by (namespace) (redpanda_cluster_unavailable_partitions) > 0',
    for: span(60),
    summary: 'Partitions have no leader: they can be neither written nor read.',
    runbook: 'servers',
  },
  {
    alert: 'RedpandaUnderReplicated',
    severity: 'warning',
    expr: 'max by (namespace) (redpanda_kafka_under_replicated_replicas) > 0',
    for: span(300),
    summary: 'Partitions have fewer copies than they should.',
    runbook: 'servers',
  },
  {
    alert: 'RedpandaDisk',
    severity: 'critical',
    expr: 'max by (namespace, instance) (redpanda_storage_disk_free_space_alert) > 0',
    summary: 'A disk of Redpanda has no room left; it takes no more records when it is full.',
    runbook: 'servers',
  },
];

const volumes = ({ span }: Times): Alert[] => [
  {
    alert: 'VolumeFilling',
    severity: 'warning',
    expr:
      `min by (namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes) < ${limits.freeDiskShare}` +
      ` and min by (namespace, persistentvolumeclaim) (predict_linear(kubelet_volume_stats_available_bytes[${span(21_600)}], 4 * 86400)) < 0`,
    for: span(300),
    summary: 'A volume is nearly full, and will be within four days.',
    runbook: 'servers',
  },
  {
    alert: 'VolumeFull',
    severity: 'critical',
    expr: 'min by (namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes) < 0.03',
    for: span(60),
    summary: 'A volume is full.',
    runbook: 'servers',
  },
];
