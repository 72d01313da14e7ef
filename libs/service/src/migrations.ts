import { commandsMigration, sagaMigration, workMigration } from '@tradecore/consumers';
import type { Migration } from '@tradecore/event-sourcing';

/** What the runtime of services that decide keeps in their schemas: offsets, parked messages, timers, work. */
export const runtimeMigrations: readonly Migration[] = [
  commandsMigration({ number: 210, service: 'command-api' }),
  commandsMigration({ number: 211, service: 'broker-gateway' }),
  sagaMigration({ number: 212, service: 'order-saga' }),
  workMigration({ number: 213, service: 'broker-gateway' }),
];
