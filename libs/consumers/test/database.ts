import { createEventStore, type PostgresEventStore } from '@tradecore/event-sourcing';
import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import type { RecordedEvent } from '@tradecore/events';
import type { ProjectorClass } from '@tradecore/consumers';
import type { DataSource } from 'typeorm';
import { openProjection } from '../src/projector/projector-batches.ts';
import { Projection } from '../src/projector/projection.ts';
import { declarationOf } from '../src/projector/projector.ts';
import { counters, migrations } from './counters.ts';

/** A database with both projectors' tables, accessed with the login of one of them. */
export interface Bench {
  readonly database: TestDatabase;
  /** As the projector's own role. */
  readonly dataSource: DataSource;
  readonly store: PostgresEventStore;
  /** The dependencies of operator commands and the runtime. */
  readonly parts: { readonly dataSource: DataSource; readonly store: PostgresEventStore; readonly catalogue: typeof counters };
  /** Stores events as they are, with arbitrary hashes. */
  keep(...events: RecordedEvent[]): Promise<void>;
  rows(table: string): Promise<Record<string, unknown>[]>;
  checkpoint(schema: string, aggregateId: string): Promise<Record<string, unknown> | undefined>;
  drop(): Promise<void>;
}

/** Creates a bench; `service` determines its privileges. */
export async function openBench(service = 'tally-projector'): Promise<Bench> {
  const database = await createTestDatabase({ catalogue: counters, migrations, services: ['query-api'] });
  const dataSource = await database.dataSourceFor(service);
  const store = createEventStore({ dataSource, catalogue: counters });
  const select = (sql: string, parameters?: unknown[]) =>
    database.dataSource.query(sql, parameters) as Promise<Record<string, unknown>[]>;
  return {
    database,
    dataSource,
    store,
    parts: { dataSource, store, catalogue: counters },
    keep: async (...events) => {
      await database.dataSource.query(insertEvents, [JSON.stringify(events)]);
    },
    rows: (table) => select(`select * from ${table} order by 1, 2`),
    checkpoint: async (schema, aggregateId) =>
      (await select(`select * from ${schema}.checkpoints where aggregate_id = $1`, [aggregateId]))[0],
    drop: async () => {
      await store.close();
      await database.drop();
    },
  };
}

const insertEvents = `
  insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp",
    correlation_id, metadata, schema_version, position, hash)
  select id, "aggregateId", "aggregateType", "aggregateVersion", type, data, time::timestamptz,
    "correlationId", metadata, "schemaVersion", nextval('event_position'), '\\x00'
  from jsonb_to_recordset($1::jsonb) as (id uuid, "aggregateId" uuid, "aggregateType" text, "aggregateVersion" int, type text, data jsonb,
    time text, "correlationId" uuid, metadata jsonb, "schemaVersion" int)`;

/** The projection alone, without a broker: what happens inside a transaction. */
export async function openCore(projector: ProjectorClass, bench: Bench): Promise<Projection> {
  return new Projection(await openProjection(declarationOf(projector), bench.parts));
}
