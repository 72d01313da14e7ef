import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { inTransaction, WorkQueue, type WorkHandler } from '@tradecore/consumers';
import { keepRefreshed, logger } from '@tradecore/telemetry';
import type { RevisionState } from '@tradecore/trading';
import { DataSource } from 'typeorm';
import { showRevisions } from './broker-gateway.metrics.ts';
import { Brokerage } from './brokerage.ts';

const log = logger('broker-orders');
/** Rows of ended BrokerOrders are removed in batches. */
const dropMs = 200;

/** The gateway's work: one row for each BrokerOrder with open work, holding the state that a worker needs. */
@Injectable()
export class BrokerOrderQueue implements BeforeApplicationShutdown {
  /** The rows themselves. */
  readonly rows: WorkQueue;
  private readonly ended = new Set<string>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private endRefreshing: () => Promise<void> = () => Promise.resolve();
  private handler: WorkHandler = () => Promise.reject(new Error('the queue has no handler yet'));

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Brokerage) private readonly brokerage: Brokerage,
  ) {
    const { BROKER_WORKERS: workers, GAUGES_REFRESH: gaugesMs } = brokerage.config;
    const { rate } = brokerage.http;
    const handle: WorkHandler = (item) => this.handler(item);
    this.rows = new WorkQueue({ dataSource, service: 'broker-gateway', workers, gaugesMs, handle, room: () => rate.room });
    rate.onRoom(() => this.rows.notify());
    brokerage.http.onBack(() => {
      // Waiting rows were waiting for the brokerage.
      this.rows.makeAllDue().catch((error: unknown) => log.warn({ err: error }, 'could not make waiting orders due'));
    });
  }

  start(handler: WorkHandler): void {
    this.handler = handler;
    this.rows.start();
    const read = async (): Promise<void> =>
      showRevisions(
        await this.dataSource.query(
          `select coalesce(state ->> 'standing', 'waiting') as state, count(*)::int as revisions from broker_gateway.work group by 1`,
        ),
      );
    this.endRefreshing = keepRefreshed('broker-orders', read, this.brokerage.config.GAUGES_REFRESH);
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    await this.endRefreshing();
    await this.rows.stop();
    await this.removeEnded();
  }

  /**
   * Requests work on a BrokerOrder in `inMs` ms; creates its row if missing. A sweep repeats requests lost in a crash.
   */
  ask(key: string, state: RevisionState = {}, inMs = 0): void {
    this.later(inMs, async () => {
      await inTransaction(this.dataSource, (tx) => this.rows.put(tx, [{ key, state: { ...state } }]));
      this.rows.notify();
    });
  }

  /** Removes the row of an ended BrokerOrder. A worker that holds it will notice. */
  drop(key: string): void {
    this.ended.add(key);
    if (this.ended.size === 1) this.later(dropMs, () => this.removeEnded());
  }

  /** BrokerOrders with an open step and no row: there are none unless the table was emptied. */
  async unattended(): Promise<string[]> {
    const rows = await this.dataSource.query<{ id: string }[]>(
      `select distinct s.broker_order_id as id from broker_gateway.steps s
        where not exists (select from broker_gateway.work w where w.key = s.broker_order_id)`,
    );
    return rows.map(({ id }) => id);
  }

  private async removeEnded(): Promise<void> {
    const keys = [...this.ended];
    this.ended.clear();
    if (keys.length > 0) await this.rows.drop(keys);
  }

  private later(ms: number, act: () => Promise<void>): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      act().catch((error: unknown) => log.warn({ err: error }, 'could not change a row; the next sweep requests it'));
    }, ms);
    this.timers.add(timer.unref());
  }
}
