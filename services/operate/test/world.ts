import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { topics } from '@tradecore/events';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { readModelMigrations } from '@tradecore/read-models';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { openFleet, program } from '../src/program.ts';

/** A store and a broker without services, as an operator's command sees them. */
export interface World {
  readonly database: TestDatabase;
  readonly kafka: TestKafka;
  /** Runs the command with the operator's login. */
  tradecore(...args: string[]): Promise<{ code: number; said: string }>;
  /** As the owner. */
  query<T>(sql: string, parameters?: unknown[]): Promise<T[]>;
  /** What operators have done, oldest first. */
  operations(): Promise<Record<string, unknown>[]>;
  drop(): Promise<void>;
}

export async function createWorld(): Promise<World> {
  const stored = Object.values(topics).filter(({ writer }) => writer === 'relay');
  const kafka = await createTestKafka({
    declarations: [...stored, topics.relayPosition, topics.deadLetters, topics.marketData, topics.userNotifications],
  });
  const database = await createTestDatabase({ migrations: [...readModelMigrations, ...runtimeMigrations] });
  const env = {
    DATABASE_URL: database.urlFor('operator'),
    KAFKA_BROKERS: kafka.brokers.join(','),
    NAMESPACE: kafka.namespace,
  };
  const query = <T>(sql: string, parameters?: unknown[]) => database.dataSource.query(sql, parameters) as Promise<T[]>;
  return {
    database,
    kafka,
    tradecore: async (...args) => {
      const said: string[] = [];
      const code = await program(args, { say: (text) => said.push(text), open: () => openFleet(env) });
      return { code, said: said.join('\n') };
    },
    query,
    operations: async () => {
      const rows = await query<{ data: Record<string, unknown> }>(
        `select event_data as data from event_store where aggregate_type = 'Operation' order by position`,
      );
      return rows.map(({ data }) => data);
    },
    drop: async () => {
      await database.drop();
      await kafka.drop();
    },
  };
}
