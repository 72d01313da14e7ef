import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { heartbeat, logger } from '@tradecore/telemetry';
import type { BrokerageExecution, BrokerageOrder } from '@tradecore/trading';
import { gatewayMetrics } from './broker-gateway.metrics.ts';
import { BrokerOrderQueue } from './broker-order-queue.ts';
import { BrokerOrders } from './broker-orders.ts';
import { NoUsableReply } from './brokerage-port.ts';
import { Brokerage } from './brokerage.ts';
import { leaseMs, SweepSchedule, type DueSweep } from './sweep-schedule.ts';

const log = logger('brokerage-sweep');
/** The brokerage may list an activity some time after it happened: each sweep overlaps the end of the last one. */
const overlapMs = 120_000;
const dayMs = 24 * 3_600_000;
/** After this long the stream will no longer report an execution. */
const lateMs = 500;
const atOnce = 8;
/** Pause after a failed sweep: each uses calls from the brokerage's limit. */
const againMs = 1_000;
const againLimitMs = 5_000;

/**
 * Compares with the brokerage's lists: every order that was submitted or is open there and every execution since
 * shortly before the last sweep, and hourly of the whole day. It stores what the stream missed and records orders that
 * are not ours. Runs after each reconnection of the stream and at intervals, in one process at a time.
 */
@Injectable()
export class BrokerageSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly attempt = heartbeat('brokerage-sweep');
  private missed: () => void = () => undefined;
  /** The stream has been connected since before the last sweep. */
  private isSteady = false;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  /** A sweep was requested since the last one began. */
  private isAsked = false;
  private stopped = false;
  /** Failed sweeps since the last success. */
  private failures = 0;

  constructor(
    @Inject(Brokerage) private readonly brokerage: Brokerage,
    @Inject(BrokerOrderQueue) private readonly queue: BrokerOrderQueue,
    @Inject(BrokerOrders) private readonly orders: BrokerOrders,
    @Inject(SweepSchedule) private readonly schedule: SweepSchedule,
  ) {}

  onApplicationBootstrap(): void {
    this.next(0);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Calls `listener` when a sweep finds executions that the stream missed although it was connected all the time. */
  onMissed(listener: () => void): void {
    this.missed = listener;
  }

  /** Requests a sweep now: the stream has reconnected or missed something. */
  ask(): void {
    this.isSteady = false;
    this.schedule
      .ask()
      .then(() => {
        this.isAsked = true;
        this.next(0);
      })
      .catch((error: unknown) => log.warn({ err: error }, 'could not request a sweep; the next one runs on schedule'));
  }

  private next(ms: number): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.running ??= this.attempt(() => this.run()).finally(() => {
        this.running = undefined;
      });
    }, ms);
  }

  /** Runs the sweep if one is due and no other process runs it. */
  private async run(): Promise<void> {
    this.isAsked = false;
    let restMs = this.brokerage.config.BROKER_SWEEP;
    try {
      const due = await this.schedule.take();
      if (due) await this.sweep(due);
      // The process that runs it may have died: check again when its lease expires.
      else restMs = Math.min(restMs, leaseMs);
    } catch (error) {
      restMs = Math.min(againMs * 2 ** this.failures, againLimitMs, restMs);
      this.failures += 1;
      log.warn({ err: error }, 'sweep failed');
      await this.schedule.failed().catch(() => undefined);
    } finally {
      this.next(this.isAsked ? 0 : restMs);
    }
  }

  private async sweep({ until, isDaily }: DueSweep): Promise<void> {
    const stop = gatewayMetrics.sweep.startTimer();
    const wasSteady = this.isSteady;
    this.isSteady = true;
    const { now } = await this.brokerage.port.clock();
    const isLong = isDaily || until === null;
    const since = isLong ? Date.parse(now) - dayMs : Date.parse(until) - overlapMs;
    const found = await this.compare(new Date(since).toISOString());
    for (const key of await this.queue.unattended()) this.queue.ask(key, { sentAt: now });
    await this.schedule.done(now, isLong);
    this.failures = 0;
    stop();
    const late = found.filter(({ executedAt }) => Date.parse(now) - Date.parse(executedAt) > lateMs);
    if (wasSteady && late.length > 0) this.missed();
  }

  /** Returns the executions that were not known. */
  private async compare(since: string): Promise<readonly BrokerageExecution[]> {
    const { port } = this.brokerage;
    // BrokerOrders that the brokerage is working, as far as we know.
    const working = await this.queue.rows.waitingForRequest();
    const open = await port.openOrders();
    const recent = await port.ordersSince(since);
    for (const order of [...recent.unreadable, ...open.unreadable]) await this.orders.meet(order);
    const orders = new Map([...recent.orders, ...open.orders].map((order) => [order.brokerageOrderId, order]));
    const listed = await port.executionsSince(since);
    const executions = Map.groupBy(listed.executions, ({ brokerageOrderId }) => brokerageOrderId);
    for (const brokerageOrderId of new Set([...executions.keys(), ...listed.unreadableOf]))
      if (!orders.has(brokerageOrderId) && !this.orders.isForeign(brokerageOrderId)) await this.fetch(brokerageOrderId, orders);
    const news = [...orders.values()].filter((order) => !this.orders.knows(order, executions.get(order.brokerageOrderId) ?? []));
    const found: BrokerageExecution[] = [];
    await eachOf(news, atOnce, async (order) => {
      const own = executions.get(order.brokerageOrderId) ?? [];
      if (await this.take(order, own)) found.push(...own);
    });
    const openIds = new Set([...open.orders, ...open.unreadable].map(({ clientOrderId }) => clientOrderId));
    const missing = working.filter((key) => !openIds.has(key));
    if (missing.length > 0) await this.queue.rows.request(missing);
    this.refuseUnread([...listed.unreadableOf], orders);
    if (news.length > 0) log.info({ since, orders: news.length, executions: found.length }, 'compared with the brokerage');
    return found;
  }

  /** Fails the sweep while an execution of ours cannot be read; executions of foreign orders are not stored anyway. */
  private refuseUnread(unreadableOf: readonly string[], orders: ReadonlyMap<string, BrokerageOrder>): void {
    const own = unreadableOf.filter((id) => orders.has(id) && !this.orders.isForeign(id));
    if (own.length > 0) throw new NoUsableReply(`executions of ${own.join(', ')} in an unknown shape`);
  }

  private async fetch(brokerageOrderId: string, orders: Map<string, BrokerageOrder>): Promise<void> {
    const answer = await this.brokerage.port.byId(brokerageOrderId);
    if (answer.kind === 'order') orders.set(brokerageOrderId, answer.order);
    else if (answer.kind === 'unknown' && answer.shown) await this.orders.meet(answer.shown);
    else if (answer.kind === 'absent')
      log.error({ brokerageOrderId }, 'the brokerage lists executions of an order that it does not have');
    // No answer: the sweep must fail, or the next one would start after these executions.
    else throw new NoUsableReply(`could not read an order with executions: ${answer.kind}`);
  }

  /** Returns whether it was new. */
  private async take(order: BrokerageOrder, executions: readonly BrokerageExecution[]): Promise<boolean> {
    const applied = await this.orders.hear({ of: 'list', order, executions });
    if (applied === 'applied') gatewayMetrics.healed.inc({ what: executions.length > 0 ? 'execution' : 'order' });
    return applied === 'applied';
  }
}

/** Runs `work` for each, at most `limit` concurrently; stops at the first failure. */
async function eachOf<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const run = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, run));
}
