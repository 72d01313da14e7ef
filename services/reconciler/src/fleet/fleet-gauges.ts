import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Database } from '@tradecore/checks';
import { readBacklog } from '@tradecore/event-sourcing';
import type { KafkaClient } from '@tradecore/messaging';
import { tokens } from '@tradecore/service';
import { keepRefreshed } from '@tradecore/telemetry';
import { DataSource } from 'typeorm';
import { checkNames } from '../findings.ts';
import type { ReconcilerConfig } from '../reconciler.config.ts';
import { fleetGauges, openStatuses } from './fleet.metrics.ts';
import { Groups } from './groups.ts';
import { Letters } from './letters.ts';

/** Keeps the gauges of the whole fleet up to date, in every instance: whether it leads or not. */
@Injectable()
export class FleetGauges implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #groups: Groups;
  readonly #letters: Letters;
  #end: () => Promise<void> = () => Promise.resolve();

  constructor(
    @Inject(DataSource) private readonly database: Database,
    @Inject(tokens.kafka) kafka: KafkaClient,
    @Inject(tokens.config) private readonly config: ReconcilerConfig,
  ) {
    this.#groups = new Groups(database, kafka);
    this.#letters = new Letters(kafka);
  }

  onApplicationBootstrap(): void {
    this.#end = keepRefreshed('fleet', () => this.#refresh(), this.config.GAUGES_REFRESH);
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.#end();
  }

  /** What the database alone says comes first: it is shown while the broker is away. */
  async #refresh(): Promise<void> {
    const outboxAge = await this.#outbox();
    await this.#orders();
    await this.#switches();
    await this.#findings();
    await this.#letters.show(await this.#groups.show(outboxAge));
  }

  async #outbox(): Promise<number> {
    const { depth, oldestSeconds, storeClosed, storeMoved } = await readBacklog(this.database);
    fleetGauges.outbox.set(depth);
    fleetGauges.outboxAge.set(oldestSeconds);
    fleetGauges.storeClosed.set(Number(storeClosed));
    fleetGauges.storeMoved.set(Number(storeMoved));
    return oldestSeconds;
  }

  /** By a partial index of the same condition: orders that have ended, which are nearly all, are not looked at. */
  async #orders(): Promise<void> {
    const rows = await this.database.query(
      `select status, count(*)::int as orders, extract(epoch from clock_timestamp() - min(updated_at))::float8 as age
         from order_projector.orders where status in (${openStatuses.map((each) => `'${each}'`).join(', ')}) group by 1`,
    );
    for (const status of openStatuses) {
      const row = rows.find((each) => each['status'] === status);
      fleetGauges.orders.set({ status }, Number(row?.['orders'] ?? 0));
      fleetGauges.orderAge.set({ status }, Math.max(0, Number(row?.['age'] ?? 0)));
    }
  }

  async #switches(): Promise<void> {
    const rows = await this.database.query(
      `select event_data->>'scope' as scope from (
         select distinct on (aggregate_id) event_type, event_data from event_store
          where aggregate_type = 'TradingControl' and event_type in ('TradingHalted', 'TradingResumed')
          order by aggregate_id, aggregate_version desc) last where event_type = 'TradingHalted'`,
    );
    const ofAll = rows.filter(({ scope }) => scope === 'all').length;
    fleetGauges.halts.set(ofAll);
    fleetGauges.accountHalts.set(rows.length - ofAll);
  }

  async #findings(): Promise<void> {
    const rows = await this.database.query(
      `select n.name, count(f.finding_id) filter (where f.acknowledged_at is null)::int as open, count(f.finding_id) filter (where f.kind = 'uneven')::int as uneven,
              coalesce(extract(epoch from min(c.covered_until)), 0)::float8 as covered
         from unnest($1::text[]) n (name) left join reconciler.checks c on c.check_name = n.name
         left join reconciler.findings f on f.check_name = n.name and f.closed_at is null group by 1`,
      [checkNames],
    );
    let uneven = 0;
    for (const row of rows) {
      const check = row['name'] as (typeof checkNames)[number];
      fleetGauges.findings.set({ check }, Number(row['open']));
      fleetGauges.covered.set({ check }, Number(row['covered']));
      uneven += Number(row['uneven']);
    }
    fleetGauges.imbalance.set(uneven);
  }
}
