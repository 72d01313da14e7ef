import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { Verdict, WorkItem } from '@tradecore/consumers';
import { logger } from '@tradecore/telemetry';
import type { BrokerageExecution, BrokerageOrder } from '@tradecore/trading';
import { z } from 'zod';
import { gatewayMetrics } from './broker-gateway.metrics.ts';
import { BrokerSilent } from './brokerage-port.ts';
import { RevisionWork } from './revision-work.ts';
import { Updates } from './updates.ts';
import { Brokerage } from './brokerage.ts';

const log = logger('brokerage sweep');
/** Activities may appear at the broker some time after their own: each look reaches back over the last one's end. */
const overlapMs = 120_000;
const firstLookMs = 24 * 3_600_000;
/** An execution that the stream has not told for so long will not be told any more. */
const lateMs = 500;
const atOnce = 8;
const memoShape = z.object({ until: z.iso.datetime({ offset: true }).optional() });

/**
 * Compares with the broker: every order that was submitted or is open there, every execution, since shortly before the last look. What the
 * stream did not tell is taken over as if it had; an order that is not ours is taken up. After each new connection, and every so often;
 * as a row of the work queue, so that one process does it and the time until which it was done is never lost.
 */
@Injectable()
export class BrokerageSweep implements OnApplicationBootstrap {
  private key: string | undefined;
  private missed: () => void = () => undefined;
  /** The stream has been read since before the last look. */
  private isSteady = false;

  constructor(
    @Inject(Brokerage) private readonly brokerage: Brokerage,
    @Inject(RevisionWork) private readonly work: RevisionWork,
    @Inject(Updates) private readonly updates: Updates,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.key = await this.work.adopt('brokerage sweep', (item) => this.attend(item));
  }

  /** Calls `listener` when a look finds executions that the stream, though it was read all the time, has not told. */
  onMissed(listener: () => void): void {
    this.missed = listener;
  }

  /** Asks for a look now: the stream is read anew. */
  async ask(): Promise<void> {
    this.isSteady = false;
    if (this.key !== undefined) await this.work.ask([this.key]);
  }

  private async attend({ state }: WorkItem): Promise<() => Promise<Verdict>> {
    const stop = gatewayMetrics.brokerageSweep.startTimer();
    const { now } = await this.brokerage.port.clock();
    const until = memoShape.parse(state).until;
    const since = Date.parse(until ?? now) - (until === undefined ? firstLookMs : overlapMs);
    const wasSteady = this.isSteady;
    this.isSteady = true;
    const found = await this.look(new Date(since).toISOString());
    stop();
    const late = found.filter(({ executedAt }) => Date.parse(now) - Date.parse(executedAt) > lateMs);
    if (wasSteady && late.length > 0) this.missed();
    return () => Promise.resolve({ again: this.brokerage.config.BROKER_SWEEP, state: { until: now } });
  }

  /** Answers the executions that were not known. */
  private async look(since: string): Promise<readonly BrokerageExecution[]> {
    const working = new Set(await this.work.working());
    const open = await this.brokerage.port.openOrders();
    const orders = new Map(
      [...(await this.brokerage.port.ordersSince(since)), ...open].map((order) => [order.brokerageOrderId, order]),
    );
    const executions = (await this.brokerage.port.executionsSince(since)).filter(
      ({ executionId }) => !this.updates.knowsExecution(executionId),
    );
    const byOrder = Map.groupBy(executions, ({ brokerageOrderId }) => brokerageOrderId);
    for (const brokerageOrderId of byOrder.keys()) if (!orders.has(brokerageOrderId)) await this.fetch(brokerageOrderId, orders);
    const news = [...orders.values()].filter((order) => byOrder.has(order.brokerageOrderId) || !this.updates.knows(order));
    await inTurns(news, atOnce, (order) => this.take(order, byOrder.get(order.brokerageOrderId) ?? []));
    const openIds = new Set(open.map(({ clientOrderId }) => clientOrderId));
    const missing = [...working].filter((key) => !openIds.has(key));
    if (missing.length > 0) await this.work.ask(missing);
    if (news.length > 0) log.info({ since, orders: news.length, executions: executions.length }, 'looked back');
    return executions;
  }

  private async fetch(brokerageOrderId: string, orders: Map<string, BrokerageOrder>): Promise<void> {
    const answer = await this.brokerage.port.byId(brokerageOrderId);
    if (answer.kind === 'order') orders.set(brokerageOrderId, answer.order);
    else if (answer.kind === 'absent')
      log.error({ brokerageOrderId }, 'the broker lists executions of an order that it does not have');
    // Unanswered: nothing counts as looked at, or these executions would lie before the next look's beginning.
    else throw new BrokerSilent(`an order with executions: ${answer.kind}`);
  }

  private async take(order: BrokerageOrder, executions: readonly BrokerageExecution[]): Promise<void> {
    for (const execution of executions) {
      const applied = await this.updates.apply({ event: 'brokerage sweep', order, execution });
      if (applied === 'applied') gatewayMetrics.healed.inc({ what: 'execution' });
    }
    if (executions.length > 0) return;
    const applied = await this.updates.apply({ event: 'brokerage sweep', order });
    if (applied === 'applied') gatewayMetrics.healed.inc({ what: 'order' });
  }
}

/** Runs `work` for each, at most `limit` at a time; the first failure ends it. */
async function inTurns<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const run = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, run));
}
