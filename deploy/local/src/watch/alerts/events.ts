import { most, risen, type Alert, type Group, type Times } from './alert.ts';
import { fleet } from './fleet.ts';
import { limits } from './limits.ts';

/** From the store to the topics. */
export function eventAlerts({ span, age }: Times): Group {
  const alerts: Alert[] = [
    {
      alert: 'OutboxOld',
      severity: 'critical',
      expr: `${most('tradecore_outbox_oldest_age_seconds')} > ${age(limits.outboxSeconds)}`,
      for: span(60),
      summary: 'Stored events are not published; what clients see and what the brokerage hears stands still.',
      runbook: 'relay-halted',
    },
    {
      alert: 'RelayWithoutLeader',
      severity: 'critical',
      expr: `${fleet} unless on (namespace) (${most('tradecore_relay_lease_owner')} == 1)`,
      for: span(120),
      summary: 'No relay holds the lease: nothing is published.',
      runbook: 'relay-halted',
    },
    {
      alert: 'RelayHalted',
      severity: 'critical',
      expr: `${most('tradecore_relay_halted')} == 1`,
      summary: 'The event store and the broker of the topics do not belong together; nothing is published.',
      runbook: 'relay-halted',
    },
    {
      alert: 'StoreClosed',
      severity: 'critical',
      expr: `${most('tradecore_store_closed')} == 1`,
      summary: 'The event store was restored; nothing is decided or stored until an operator has decided.',
      runbook: 'relay-halted',
    },
    {
      alert: 'StoreMoved',
      severity: 'critical',
      expr: `${most('tradecore_store_moved')} == 1`,
      summary: 'The event store stands on another server or timeline; what was not yet published before may be lost.',
      runbook: 'moved-store',
    },
    {
      alert: 'SaveConflicts',
      severity: 'warning',
      expr:
        `sum by (namespace) (rate(tradecore_event_store_saves_total{outcome="conflict"}[${span(300)}]))` +
        ` / sum by (namespace) (rate(tradecore_event_store_saves_total[${span(300)}])) > ${limits.conflictShare}`,
      for: span(600),
      summary: 'Many saves meet another writer of the same aggregate and are decided again.',
      runbook: 'save-conflicts',
    },
    {
      alert: 'MigrationFailed',
      severity: 'critical',
      expr: `max by (namespace, job_name) (kube_job_status_failed{job_name=~".+-migrat.+"}) > 0 or ${most('tradecore_schema_missing_migrations')} > 0`,
      for: span(300),
      summary: 'The schema is not what the release needs; its processes wait.',
      runbook: 'migration-failed',
    },
  ];
  return { name: 'tradecore-events', alerts };
}

/** What reads the topics. */
export function readerAlerts({ span, age }: Times): Group {
  const alerts: Alert[] = [
    {
      alert: 'ConsumerHalted',
      severity: 'critical',
      expr: `${most('tradecore_consumer_halted', 'group')} == 1`,
      summary: 'A consumer has halted: an operator must say how it goes on.',
      runbook: 'halted-consumer',
    },
    {
      alert: 'ConsumerStalled',
      severity: 'critical',
      expr: `${most('tradecore_consumer_oldest_unread_seconds', 'group')} > ${age(limits.unreadSeconds)}`,
      for: span(120),
      summary: 'A group does not read what has waited for minutes, however little it is.',
      runbook: 'halted-consumer',
    },
    {
      alert: 'NotifierHalted',
      severity: 'critical',
      expr: `${most('tradecore_notifier_halted')} == 1`,
      summary: "The notifier's position is gone; no notices are sent.",
      runbook: 'notifier-halted',
    },
    {
      alert: 'AggregateParked',
      severity: 'warning',
      expr: `${most('tradecore_parked{group=~".+-projector"}', 'group')} > 0`,
      summary: 'A read model can not apply an event of the store; it does not show this aggregate.',
      runbook: 'parked-aggregate',
    },
    {
      alert: 'CommandParked',
      severity: 'critical',
      expr: `${most('tradecore_parked{group!~".+-projector"}', 'group')} > 0`,
      summary: 'An input of order-saga or a step at the gateway can not be handled; what comes behind it waits.',
      runbook: 'parked-command',
    },
    {
      alert: 'DeadLettersWaiting',
      severity: 'warning',
      expr: `${most('tradecore_dead_letters_waiting', 'group')} > 0`,
      summary: 'A record is not an event of the store; it was put aside.',
      runbook: 'dead-letters',
    },
    {
      alert: 'DuplicateEffect',
      severity: 'critical',
      expr: risen('tradecore_duplicate_effects_total', span(86_400), 'effect'),
      summary: 'Within a day something was found that took effect twice. This must never be.',
      runbook: 'duplicate-effect',
    },
  ];
  return { name: 'tradecore-readers', alerts };
}
