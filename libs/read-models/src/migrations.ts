import { readFileSync } from 'node:fs';
import type { Migration } from '@tradecore/event-sourcing';
import { subscriptionMigration } from '@tradecore/subscriptions';
import { Feed } from './feed.projector.ts';
import { Orders } from './orders.projector.ts';

const sqlOf = (file: string): string => readFileSync(new URL(`../schema/${file}`, import.meta.url), 'utf8');

/** The schema of each read model: the runtime's tables, then its own, with what others may see. */
export const readModelMigrations: readonly Migration[] = [
  subscriptionMigration({ number: 200, projector: Orders, service: 'order-projector', readers: ['query-api'] }),
  subscriptionMigration({ number: 201, projector: Feed, service: 'feed-projector', readers: ['query-api'] }),
  { number: 300, name: 'orders', sql: sqlOf('0300-orders.sql') },
  { number: 301, name: 'feed', sql: sqlOf('0301-feed.sql') },
];
