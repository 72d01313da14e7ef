import type { Board } from './board.ts';
import { lines, number } from './panels.ts';

/** Processes and servers: what they use, what they wait for. */
export const runtime: Board = {
  uid: 'tradecore-runtime',
  title: 'Runtime and servers',
  description: 'Are processes and servers well? CPU, memory, event loop, pools, loops, backup, PostgreSQL, Redpanda, Redis.',
  rows: [
    {
      title: 'Processes',
      panels: [
        lines('CPU', 'Cores in use, by service.', { unit: 'short', runbook: 'loop-stuck' }, [
          ['sum by (job) (rate(process_cpu_seconds_total{NS,job=~".+"}[$__rate_interval]))', '{{job}}'],
        ]),
        lines(
          'Memory',
          'Resident memory, by service: the largest of its processes.',
          { unit: 'bytes', runbook: 'service-down' },
          [['max by (job) (process_resident_memory_bytes{NS})', '{{job}}']],
        ),
        lines(
          'Event loop',
          'How late the event loop is, p99: what blocks it delays everything.',
          { unit: 's', runbook: 'loop-stuck', bad: { red: 0.2 } },
          [['max by (job) (nodejs_eventloop_lag_p99_seconds{NS})', '{{job}}']],
        ),
        lines(
          'Garbage collection',
          'Share of time spent in garbage collection.',
          { unit: 'percentunit', runbook: 'loop-stuck' },
          [['sum by (job) (rate(nodejs_gc_duration_seconds_sum{NS}[$__rate_interval]))', '{{job}}']],
        ),
        lines(
          'Loops',
          'Age of the oldest running attempt of a loop: what neither ends nor fails is stuck.',
          { unit: 's', runbook: 'loop-stuck', bad: { red: 60 } },
          [['max by (job, loop) (tradecore_loop_attempt_age_seconds{NS})', '{{job}} {{loop}}']],
        ),
        lines('Heartbeats', 'Time since an attempt of a loop last ended or failed.', { unit: 's', runbook: 'loop-stuck' }, [
          ['max by (job, loop) (tradecore_loop_heartbeat_age_seconds{NS})', '{{job}} {{loop}}'],
        ]),
      ],
    },
    {
      title: 'Connections and backup',
      panels: [
        lines(
          'Pool',
          'Share of the connections in use, of the fullest pool of each service.',
          { unit: 'short', runbook: 'database' },
          [
            [
              'max by (job) (tradecore_database_connections{NS,state="used"} / on (job, instance) tradecore_database_connections_limit{NS})',
              '{{job}} used',
            ],
          ],
        ),
        lines(
          'Redis',
          'Connections to Redis that failed or broke, and caches that answered without it.',
          { unit: 'cps', runbook: 'servers' },
          [
            ['sum by (job) (rate(tradecore_redis_errors_total{NS}[$__rate_interval]))', '{{job}}'],
            ['sum(rate(tradecore_rate_limit_fallbacks_total{NS}[$__rate_interval]))', 'rates counted alone'],
          ],
        ),
        number(
          'Backup base',
          'Age of the newest base. A restore takes longer each hour.',
          { unit: 's', runbook: 'backup-behind', bad: { yellow: 90_000, red: 129_600 }, mayBeEmpty: true },
          [['max(tradecore_backup_base_age_seconds{NS})', 'age']],
        ),
        number(
          'Restorable until',
          'How long ago the newest moment is that can be restored.',
          { unit: 's', runbook: 'backup-behind', bad: { yellow: 30, red: 60 }, mayBeEmpty: true },
          [['max(tradecore_backup_restorable_age_seconds{NS})', 'ago']],
        ),
        number(
          'Restore tested',
          'How long ago a restore out of the backup ended well.',
          { unit: 's', runbook: 'backup-behind', bad: { yellow: 604_800, red: 691_200 }, mayBeEmpty: true },
          [['min(tradecore_backup_restore_age_seconds{NS})', 'ago']],
        ),
      ],
    },
    {
      title: 'Servers, where their exporters are scraped',
      panels: [
        number(
          'PostgreSQL',
          'Whether the exporter reaches PostgreSQL.',
          { unit: 'none', runbook: 'database', words: { 0: 'DOWN', 1: 'up' }, bad: { yellow: 1, red: 0 }, mayBeEmpty: true },
          [['min(pg_up)', '']],
        ),
        number(
          'Connections',
          'Share of the connections that PostgreSQL allows.',
          { unit: 'percentunit', runbook: 'database', bad: { yellow: 0.7, red: 0.8 }, mayBeEmpty: true },
          [['sum(pg_stat_activity_count) / sum(pg_settings_max_connections)', 'used']],
        ),
        number(
          'Redpanda',
          'Partitions without a leader.',
          { unit: 'short', runbook: 'servers', bad: { red: 1 }, mayBeEmpty: true },
          [['max(redpanda_cluster_unavailable_partitions)', 'partitions']],
        ),
        number(
          'Under-replicated',
          'Replicas of partitions that lag behind their leader.',
          { unit: 'short', runbook: 'servers', bad: { red: 1 }, mayBeEmpty: true },
          [['sum(redpanda_kafka_under_replicated_replicas)', 'replicas']],
        ),
        number(
          'Redis',
          'Whether the exporter reaches Redis.',
          { unit: 'none', runbook: 'servers', words: { 0: 'DOWN', 1: 'up' }, bad: { yellow: 1, red: 0 }, mayBeEmpty: true },
          [['min(redis_up)', '']],
        ),
        number(
          'Volumes',
          'Share of the fullest volume.',
          { unit: 'percentunit', runbook: 'servers', bad: { yellow: 0.75, red: 0.85 }, mayBeEmpty: true },
          [['1 - min(kubelet_volume_stats_available_bytes{NS} / kubelet_volume_stats_capacity_bytes{NS})', 'fullest']],
        ),
      ],
    },
  ],
};
