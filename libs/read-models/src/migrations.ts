import { readMigrations, type Migration } from '@tradecore/event-sourcing';
import { projectorMigration } from '@tradecore/consumers';
import { Accounts } from './accounts.projector.ts';
import { Feed } from './feed.projector.ts';
import { Orders } from './orders.projector.ts';
import { Positions } from './positions.projector.ts';

/** The schema of each read model: the runtime's tables, then its own with the exported views. */
export const readModelMigrations: readonly Migration[] = [
  projectorMigration({ number: 200, projector: Orders, service: 'order-projector', readers: ['query-api'] }),
  projectorMigration({ number: 201, projector: Feed, service: 'feed-projector', readers: ['query-api'] }),
  projectorMigration({ number: 202, projector: Accounts, service: 'account-projector', readers: ['query-api'] }),
  projectorMigration({ number: 203, projector: Positions, service: 'position-projector', readers: ['query-api'] }),
  ...readMigrations(new URL('../schema/', import.meta.url)),
];
