import { intakeMigration, processMigration, workMigration } from '@tradecore/consumers';
import { readMigrations, type Migration } from '@tradecore/event-sourcing';

/** What deciding services keep for themselves: offsets, parked messages, open processes, work, the gateway's steps. */
export const runtimeMigrations: readonly Migration[] = [
  intakeMigration({ number: 211, service: 'broker-gateway' }),
  processMigration({ number: 212, service: 'order-saga' }),
  workMigration({ number: 213, service: 'broker-gateway' }),
  ...readMigrations(new URL('../schema/', import.meta.url)),
];
