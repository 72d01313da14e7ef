import { readMigrations, type Migration } from '@tradecore/event-sourcing';
import { commandsMigration, sagaMigration, subscriptionMigration, workMigration } from '@tradecore/consumers';
import { Accounts } from './accounts.projector.ts';
import { Feed } from './feed.projector.ts';
import { Orders } from './orders.projector.ts';
import { Positions } from './positions.projector.ts';

/** The schema of each read model: the runtime's tables, then its own, with what others may see. */
export const readModelMigrations: readonly Migration[] = [
  subscriptionMigration({ number: 200, projector: Orders, service: 'order-projector', readers: ['query-api'] }),
  subscriptionMigration({ number: 201, projector: Feed, service: 'feed-projector', readers: ['query-api'] }),
  subscriptionMigration({ number: 202, projector: Accounts, service: 'account-projector', readers: ['query-api'] }),
  subscriptionMigration({ number: 203, projector: Positions, service: 'position-projector', readers: ['query-api'] }),
  ...readMigrations(new URL('../schema/', import.meta.url)),
];

/** What services that decide keep for themselves, whoever asks them: positions, what is held, timers, work. */
export const runtimeMigrations: readonly Migration[] = [
  commandsMigration({ number: 211, service: 'broker-gateway' }),
  sagaMigration({ number: 212, service: 'order-saga' }),
  workMigration({ number: 213, service: 'broker-gateway' }),
];
