import { insiders } from '../../src/runner/service-list.ts';
import { counterCase, ever, gaugeCase, ofProcesses, ownCase, replicated, type Case } from './case.ts';

const service = (name: string, values: string, instance = name, version = '1') => ({
  [`tradecore_build_info{service="${name}",version="${version}",revision="a",instance="${instance}"}`]: values,
});
const requests = (status: string, values: string) => ({
  [`tradecore_http_request_duration_seconds_count{status="${status}",method="GET",route="/v1/orders",instance="1"}`]: values,
});
const burns = ['1h', '6h', '1d', '3d'];
/** The other windows that the same fault has reached by then. */
const others = (name: string, window: string): string[] =>
  burns.filter((each) => each !== window && (window === '3d' || each !== '3d')).map((each) => `${name} ${each}`);

const fleet: Case[] = [
  ofProcesses({
    alert: 'FleetDown',
    broken: Object.assign({}, ...insiders.map(({ name }) => service(name, '1x20 stale'))),
    healthy: {},
  }),
  ofProcesses({ alert: 'ServiceDown', broken: service('order-saga', '1x20 stale'), healthy: service('order-saga', `1${ever}`) }),
  ofProcesses({
    alert: 'InstanceDown',
    broken: { ...service('order-projector', '1x20 stale', 'two'), 'up{instance="two"}': '1x20 0x240' },
    healthy: { ...service('order-projector', '1x20 stale', 'two'), 'up{instance="one"}': `1${ever}` },
  }),
  ofProcesses({
    alert: 'InstanceRestarts',
    broken: { 'process_start_time_seconds{instance="notifier"}': '0+150x240' },
    healthy: { 'process_start_time_seconds{instance="notifier"}': '7x100 8x140' },
  }),
  ofProcesses({
    alert: 'VersionSkew',
    broken: service('order-saga', `1${ever}`, 'new', '2'),
    healthy: service('order-saga', '1x20 stale', 'new', '2'),
  }),
  {
    alert: 'WatchBlind',
    broken: replicated('tradecore_gauges_refreshed_timestamp_seconds', 'of="fleet"', `0${ever}`),
    healthy: { 'tradecore_gauges_refreshed_timestamp_seconds{of="fleet",instance="1"}': '0+60x240' },
  },
  gaugeCase('LoopStuck', 'tradecore_loop_attempt_age_seconds', 'loop="relay"', ['90', '2']),
  {
    alert: 'PoolExhausted',
    broken: { 'tradecore_database_pool_waiting{instance="1"}': `4${ever}` },
    healthy: { 'tradecore_database_pool_waiting{instance="1"}': '0 4 0 0 4x1 0x240' },
  },
];

const budgets: Case[] = [
  ...burns.map((window): Case => ({
    alert: `DoorErrorBudgetBurn ${window}`,
    broken: { ...requests('5xx', '0+100x240'), ...requests('2xx', '0+900x240') },
    healthy: { ...requests('5xx', '0+1x240'), ...requests('2xx', '0+9999x240') },
    also: others('DoorErrorBudgetBurn', window),
    isSlow: window === '3d',
  })),
  ...burns.map((window): Case => ({
    alert: `FreshnessBudgetBurn ${window}`,
    broken: replicated('tradecore_model_staleness_seconds', 'group="order-projector"', `30${ever}`),
    healthy: replicated('tradecore_model_staleness_seconds', 'group="order-projector"', `4${ever}`),
    also: others('FreshnessBudgetBurn', window),
    isSlow: window === '3d',
  })),
];

const events: Case[] = [
  gaugeCase('OutboxOld', 'tradecore_outbox_oldest_age_seconds', '', ['90', '5']),
  ofProcesses({
    alert: 'RelayWithoutLeader',
    broken: {
      'tradecore_relay_lease_owner{instance="outbox-relay"}': '1x20 0x240',
      'tradecore_relay_lease_owner{instance="2"}': `0${ever}`,
    },
    healthy: {
      'tradecore_relay_lease_owner{instance="outbox-relay"}': '1x20 0x240',
      'tradecore_relay_lease_owner{instance="2"}': '0x20 1x240',
    },
  }),
  gaugeCase('RelayHalted', 'tradecore_relay_halted', '', ['1', '0']),
  gaugeCase('StoreClosed', 'tradecore_store_closed', '', ['1', '0']),
  gaugeCase('StoreMoved', 'tradecore_store_moved', '', ['1', '0']),
  {
    alert: 'SaveConflicts',
    broken: {
      'tradecore_event_store_saves_total{outcome="conflict",instance="1"}': '0+20x240',
      'tradecore_event_store_saves_total{outcome="stored",instance="1"}': '0+100x240',
    },
    healthy: {
      'tradecore_event_store_saves_total{outcome="conflict",instance="1"}': '0+2x240',
      'tradecore_event_store_saves_total{outcome="stored",instance="1"}': '0+100x240',
    },
  },
  gaugeCase('MigrationFailed', 'tradecore_schema_missing_migrations'),
];

const readers: Case[] = [
  gaugeCase('ConsumerHalted', 'tradecore_consumer_halted', 'group="order-saga"', ['1', '0']),
  gaugeCase('ConsumerStalled', 'tradecore_consumer_oldest_unread_seconds', 'group="order-saga"', ['90', '2']),
  gaugeCase('NotifierHalted', 'tradecore_notifier_halted', '', ['1', '0']),
  gaugeCase('AggregateParked', 'tradecore_parked', 'group="order-projector"'),
  gaugeCase('CommandParked', 'tradecore_parked', 'group="order-saga"'),
  gaugeCase('DeadLettersWaiting', 'tradecore_dead_letters_waiting', 'group="order-projector"'),
  counterCase('DuplicateEffect', 'tradecore_duplicate_effects_total', 'effect="execution"'),
];

const orders: Case[] = [
  gaugeCase('SagaStuck', 'tradecore_sagas_stuck', 'saga="order-placement"'),
  gaugeCase('DeadlinesLate', 'tradecore_saga_timers_late', 'saga="order-placement"'),
  gaugeCase('OrdersNotSent', 'tradecore_orders_oldest_open_age_seconds', 'status="pendingNew"', ['400', '2']),
  gaugeCase('BrokerOutcomeUnresolved', 'tradecore_broker_orders', 'state="unresolved"'),
  gaugeCase('BrokerOutcomeUnknown', 'tradecore_broker_orders', 'state="unknown"'),
  {
    alert: 'BrokerAway',
    broken: { 'tradecore_broker_circuit_open{instance="1"}': `1${ever}`, 'tradecore_broker_stream_up{instance="1"}': `0${ever}` },
    healthy: {
      'tradecore_broker_circuit_open{instance="1"}': `0${ever}`,
      'tradecore_broker_stream_up{instance="1"}': `1${ever}`,
    },
  },
  counterCase('ForeignOrder', 'tradecore_broker_foreign_orders_total'),
  counterCase('OrderOverfilled', 'tradecore_orders_overfilled_total'),
  {
    alert: 'ExecutionBusted',
    broken: {
      'tradecore_executions_busted_total{instance="1"}': `0${ever}`,
      'tradecore_executions_corrected_total{instance="1"}': '0x20 1x220',
    },
    healthy: replicated('tradecore_executions_busted_total', '', `0${ever}`),
  },
  {
    alert: 'MarketDataStale',
    broken: {
      'tradecore_market_data_newest_price_age_seconds{instance="1"}': '0+60x240',
      'tradecore_market_open{instance="1"}': `1${ever}`,
    },
    healthy: {
      'tradecore_market_data_newest_price_age_seconds{instance="1"}': '0+60x240',
      'tradecore_market_open{instance="1"}': `0${ever}`,
    },
  },
  gaugeCase('MarketFeedBehind', 'tradecore_market_feed_age_seconds', '', ['200', '3']),
  gaugeCase('LedgerImbalance', 'tradecore_ledger_imbalance'),
  gaugeCase('ReconciliationFindings', 'tradecore_reconciliation_findings', 'check="models"'),
  {
    alert: 'ReconcilerBehind',
    broken: replicated('tradecore_reconciliation_covered_until_timestamp_seconds', 'check="topics"', `0${ever}`),
    healthy: {
      'tradecore_reconciliation_covered_until_timestamp_seconds{check="topics",instance="1"}': '0+60x240',
      'tradecore_reconciliation_covered_until_timestamp_seconds{check="models",instance="1"}': `0${ever}`,
    },
  },
];

const backup: Case[] = [
  {
    alert: 'BackupAway',
    broken: { 'tradecore_backup_base_age_seconds{instance="1"}': '60x20 stale' },
    healthy: { 'tradecore_backup_base_age_seconds{instance="1"}': `60${ever}` },
  },
  gaugeCase('BackupBehind', 'tradecore_backup_restorable_age_seconds', '', ['300', '2']),
  counterCase('BackupSlotLost', 'tradecore_backup_series_begun_total', 'reason="slot-lost"'),
  gaugeCase('BackupTooOld', 'tradecore_backup_base_age_seconds', '', ['140000', '70000']),
  gaugeCase('RestoreNotTested', 'tradecore_backup_restore_age_seconds', '', ['900000', '500000']),
];

const servers: Case[] = [
  ownCase('PostgresDown', 'pg_up', '', ['0', '1']),
  {
    alert: 'PostgresConnections',
    broken: {
      'pg_stat_activity_count{instance="1",state="idle"}': `250${ever}`,
      'pg_settings_max_connections{instance="1"}': `300${ever}`,
    },
    healthy: {
      'pg_stat_activity_count{instance="1",state="idle"}': `200${ever}`,
      'pg_settings_max_connections{instance="1"}': `300${ever}`,
    },
  },
  ownCase('PostgresLongTransaction', 'pg_stat_activity_max_tx_duration', 'datname="tradecore"', ['400', '9']),
  ownCase('RedisDown', 'redis_up', '', ['0', '1']),
  {
    alert: 'RedisMemory',
    broken: { 'redis_memory_used_bytes{instance="1"}': `95${ever}`, 'redis_memory_max_bytes{instance="1"}': `100${ever}` },
    healthy: { 'redis_memory_used_bytes{instance="1"}': `95${ever}`, 'redis_memory_max_bytes{instance="1"}': `0${ever}` },
  },
  {
    alert: 'RedpandaNodeDown',
    broken: {
      'redpanda_application_uptime_seconds_total{instance="1"}': '0+60x240',
      'redpanda_application_uptime_seconds_total{instance="2"}': '0+60x20 stale',
      'redpanda_cluster_brokers{instance="1"}': '2x20 1x240',
    },
    healthy: {
      'redpanda_application_uptime_seconds_total{instance="1"}': '0+60x240',
      'redpanda_application_uptime_seconds_total{instance="2"}': '0+60x240',
      'redpanda_cluster_brokers{instance="1"}': `2${ever}`,
    },
  },
  gaugeCase('RedpandaLeaderless', 'redpanda_cluster_unavailable_partitions'),
  gaugeCase('RedpandaUnderReplicated', 'redpanda_kafka_under_replicated_replicas', 'redpanda_topic="transport.order-events"'),
  ownCase('RedpandaDisk', 'redpanda_storage_disk_free_space_alert', '', ['2', '0']),
  {
    alert: 'VolumeFilling',
    broken: {
      'kubelet_volume_stats_available_bytes{persistentvolumeclaim="postgres"}': '140-0.1x240',
      'kubelet_volume_stats_capacity_bytes{persistentvolumeclaim="postgres"}': `1000${ever}`,
    },
    healthy: {
      'kubelet_volume_stats_available_bytes{persistentvolumeclaim="postgres"}': `140${ever}`,
      'kubelet_volume_stats_capacity_bytes{persistentvolumeclaim="postgres"}': `1000${ever}`,
    },
  },
  {
    alert: 'VolumeFull',
    broken: {
      'kubelet_volume_stats_available_bytes{persistentvolumeclaim="postgres"}': `10${ever}`,
      'kubelet_volume_stats_capacity_bytes{persistentvolumeclaim="postgres"}': `1000${ever}`,
    },
    healthy: {
      'kubelet_volume_stats_available_bytes{persistentvolumeclaim="postgres"}': `40${ever}`,
      'kubelet_volume_stats_capacity_bytes{persistentvolumeclaim="postgres"}': `1000${ever}`,
    },
  },
];

/** One for every alert but the watchdog. */
export const cases: readonly Case[] = [
  ...fleet,
  ...budgets.map((each) => (each.isSlow ? ofProcesses(each) : each)),
  ...events,
  ...readers,
  ...orders,
  ...backup,
  ...servers,
];
