import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { inTransaction, WorkQueue, type NewWork, type WorkHandler, type WorkItem } from '@tradecore/consumers';
import type { Transaction } from '@tradecore/event-sourcing';
import { logger } from '@tradecore/telemetry';
import type { RevisionState } from '@tradecore/trading';
import { DataSource } from 'typeorm';
import { revisionGauge } from './broker-gateway.metrics.ts';
import { Brokerage } from './brokerage.ts';

const log = logger('broker-orders');
/** Rows of BrokerOrders that have ended are removed together. */
const dropMs = 200;

/** The work of the gateway: one row for each BrokerOrder of which something is open, with what a worker has to remember. */
@Injectable()
export class BrokerOrderQueue implements BeforeApplicationShutdown {
  private readonly queue: WorkQueue;
  private readonly ended = new Set<string>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private handler: WorkHandler = () => Promise.reject(new Error('nobody works yet'));

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Brokerage) brokerage: Brokerage,
  ) {
    const workers = brokerage.config.BROKER_WORKERS;
    const { rate } = brokerage.http;
    const handle: WorkHandler = (item) => this.handler(item);
    this.queue = new WorkQueue({ dataSource, service: 'broker-gateway', workers, handle, room: () => rate.room });
    rate.onRoom(() => this.queue.notify());
    revisionGauge(() =>
      dataSource.query(
        `select coalesce(state ->> 'standing', 'waiting') as state, count(*)::int as revisions from broker_gateway.work group by 1`,
      ),
    );
    brokerage.http.onBack(() => {
      // What waits for its time waited for the brokerage.
      this.queue.makeAllDue().catch((error: unknown) => log.warn({ err: error }, 'waiting orders were not made due'));
    });
  }

  start(handler: WorkHandler): void {
    this.handler = handler;
    this.queue.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    await this.queue.stop();
    await this.removeEnded();
  }

  /** Asks for rows in the caller's transaction, claimed where a worker is free; `begin` with them after its commit. */
  putClaimed(tx: Transaction, rows: readonly NewWork[]): Promise<readonly WorkItem[]> {
    return this.queue.putClaimed(tx, rows);
  }

  begin(items: readonly WorkItem[]): void {
    this.queue.begin(items);
  }

  notify(): void {
    this.queue.notify();
  }

  /** Asks for a BrokerOrder in so many milliseconds; makes a row where there is none. A sweep asks again for what a crash forgets. */
  ask(key: string, state: RevisionState = {}, inMs = 0): void {
    this.later(inMs, async () => {
      await inTransaction(this.dataSource, (tx) => this.queue.put(tx, [{ key, state: { ...state } }]));
      this.queue.notify();
    });
  }

  /** Asks for BrokerOrders that have a row. */
  askAll(keys: readonly string[]): Promise<void> {
    return this.queue.request(keys);
  }

  /** Removes the row of a BrokerOrder that has ended. Whoever has it in hand finds that out. */
  drop(key: string): void {
    this.ended.add(key);
    if (this.ended.size === 1) this.later(dropMs, () => this.removeEnded());
  }

  /** BrokerOrders that the brokerage works, as far as we know. */
  working(): Promise<string[]> {
    return this.queue.waitingForRequest();
  }

  /** BrokerOrders with an open step and without a row: there are none, unless somebody emptied the table. */
  async unattended(): Promise<string[]> {
    const rows = await this.dataSource.query<{ id: string }[]>(
      `select distinct s.broker_order_id as id from broker_gateway.steps s
        where not exists (select from broker_gateway.work w where w.key = s.broker_order_id)`,
    );
    return rows.map(({ id }) => id);
  }

  /** Resolves when this process has done with the row: whether it is settled, and committed. Undefined when it has not got it in hand. */
  inProgress(key: string): Promise<boolean> | undefined {
    return this.queue.inProgress(key);
  }

  private async removeEnded(): Promise<void> {
    const keys = [...this.ended];
    this.ended.clear();
    if (keys.length > 0) await this.queue.drop(keys);
  }

  private later(ms: number, act: () => Promise<void>): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      act().catch((error: unknown) => log.warn({ err: error }, 'a row was not changed: the next sweep asks for it'));
    }, ms);
    this.timers.add(timer.unref());
  }
}
