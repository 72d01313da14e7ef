import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { schemasOf, type Database, type Kind } from '@tradecore/checks';
import { readBacklog } from '@tradecore/event-sourcing';
import type { KafkaClient } from '@tradecore/messaging';
import { tokens } from '@tradecore/service';
import { keepRefreshed } from '@tradecore/telemetry';
import { DataSource } from 'typeorm';
import { fleetGauges } from './fleet.metrics.ts';
import type { ReconcilerConfig } from './reconciler.config.ts';

/** Keeps the gauges of the whole fleet up to date, in every instance: whether it leads or not. */
@Injectable()
export class FleetGauges implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #database: Database;
  #end: () => Promise<void> = () => Promise.resolve();

  constructor(
    @Inject(DataSource) dataSource: DataSource,
    @Inject(tokens.kafka) private readonly kafka: KafkaClient,
    @Inject(tokens.config) private readonly config: ReconcilerConfig,
  ) {
    this.#database = { query: (sql, parameters) => dataSource.query(sql, parameters) };
  }

  onApplicationBootstrap(): void {
    this.#end = keepRefreshed('fleet', () => this.refresh(), this.config.GAUGES_REFRESH);
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.#end();
  }

  /** Reads and shows them once. */
  async refresh(): Promise<void> {
    await this.#outbox();
    for (const kind of ['consumer', 'projection'] as const) {
      for (const schema of await schemasOf(this.#database, kind)) await this.#group(schema, kind);
    }
  }

  async #outbox(): Promise<void> {
    const { depth, oldestSeconds, storeClosed, storeMoved } = await readBacklog(this.#database);
    fleetGauges.outbox.set(depth);
    fleetGauges.outboxAge.set(oldestSeconds);
    fleetGauges.storeClosed.set(Number(storeClosed));
    fleetGauges.storeMoved.set(Number(storeMoved));
  }

  async #group(schema: string, kind: Kind): Promise<void> {
    const group = schema.replaceAll('_', '-');
    const held = kind === 'consumer' ? `(select count(*) from ${schema}.parked_messages where reason is null)` : '0';
    const [row] = await this.#database.query(
      `select stopped_reason is not null as halted, (select count(*)::int from ${schema}.parked) as parked, ${held}::int as held from ${schema}.${kind}`,
    );
    fleetGauges.halted.set({ group }, Number(row?.['halted'] ?? false));
    fleetGauges.parked.set({ group }, Number(row?.['parked'] ?? 0));
    fleetGauges.held.set({ group }, Number(row?.['held'] ?? 0));
    const offsets = (await this.#database.query(
      `select topic, partition, next_offset::text as next from ${schema}.offsets`,
    )) as unknown as { topic: string; partition: number; next: string }[];
    let lag = 0;
    for (const { topic, partition, next } of offsets) {
      lag += Math.max(0, Number(((await this.kafka.endOffsets(topic)).get(partition) ?? 0n) - BigInt(next)));
    }
    fleetGauges.lag.set({ group }, lag);
  }
}
