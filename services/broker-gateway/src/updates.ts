import { Inject, Injectable } from '@nestjs/common';
import type { BrokerOrder, BrokerageOrder } from '@tradecore/trading';
import { retryOnConflict } from '@tradecore/event-sourcing';
import { foreignOrderIdFor } from '@tradecore/events';
import { logger } from '@tradecore/telemetry';
import { DataSource } from 'typeorm';
import { gatewayMetrics } from './broker-gateway.metrics.ts';
import type { BrokerageUpdate } from './brokerage-port.ts';
import { RevisionWork } from './revision-work.ts';
import { Revisions } from './revisions.ts';
import { BoundedCache } from '@tradecore/consumers';
import { Brokerage } from './brokerage.ts';

const log = logger('broker-updates');
const remembered = 50_000;
/** Rows of revisions that have ended are removed together. */
const dropMs = 200;

/** What became of an update. */
export type Applied = 'applied' | 'known' | 'foreign';

/** Takes over what the broker tells of an order, one after the other for each order: from the stream, and from the brokerage sweep. */
@Injectable()
export class Updates {
  /** Updates that are not stored yet. */
  waiting = 0;
  private readonly foreign = new BoundedCache<string, true>(remembered);
  private readonly ended = new Set<string>();
  private dropping: NodeJS.Timeout | undefined;

  /** How each order stood when it was last taken over, by the broker's id; and the executions that were. */
  private readonly seen = new BoundedCache<string, string>(remembered);
  private readonly executions = new BoundedCache<string, true>(remembered);

  constructor(
    @Inject(Revisions) private readonly revisions: Revisions,
    @Inject(RevisionWork) private readonly work: RevisionWork,
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Brokerage) private readonly brokerage: Brokerage,
  ) {}

  /** Whether this was taken over already, as far as this process remembers. */
  knows(order: BrokerageOrder): boolean {
    return this.seen.get(order.brokerageOrderId) === standing(order);
  }

  knowsExecution(executionId: string): boolean {
    return this.executions.get(executionId) === true;
  }

  /** Takes an update over: after those of the same order that came before it. */
  async apply(update: BrokerageUpdate): Promise<Applied> {
    this.waiting += 1;
    try {
      return await this.revisions.turns.run(update.order.clientOrderId, () => this.applyNow(update));
    } finally {
      this.waiting -= 1;
    }
  }

  private async applyNow(update: BrokerageUpdate): Promise<Applied> {
    const { order, execution } = update;
    if (this.foreign.get(order.brokerageOrderId)) return 'foreign';
    const applied = await retryOnConflict(() => this.take(update), 10);
    if (applied === 'foreign') this.foreign.set(order.brokerageOrderId, true);
    this.seen.set(order.brokerageOrderId, standing(order));
    if (execution) this.executions.set(execution.executionId, true);
    return applied;
  }

  private async take(update: BrokerageUpdate): Promise<Applied> {
    const { order } = update;
    if (saysNothing(update) && this.revisions.wasWorking(order.clientOrderId)) return 'known';
    const revision = await this.revisions.find(order.clientOrderId);
    if (!revision || revision.progress === 'foreign') return this.adopt(order);
    const wasOpen = revision.isOpen;
    tell(revision, update);
    const isNews = revision.uncommittedEvents.length > 0;
    if (!wasOpen && revision.isOpen) await this.reopen(revision);
    else await this.revisions.save([revision]);
    if (!revision.isOpen) this.drop(revision.id);
    else if (needsWork(revision, update)) await this.work.ask([revision.id]);
    return isNews ? 'applied' : 'known';
  }

  /** It was given up, and is at the broker: from now on somebody attends to it, first by cancelling it there. */
  private async reopen(revision: BrokerOrder): Promise<void> {
    log.error({ brokerOrderId: revision.id }, 'an order that was given up is at the broker: it is cancelled there');
    await this.dataSource.transaction(async (tx) => {
      await this.revisions.save([revision], tx);
      await this.work.put(tx, [revision.id]);
    });
    this.work.wake();
  }

  private async adopt(order: BrokerageOrder): Promise<Applied> {
    const foreign = await this.revisions.load(foreignOrderIdFor(this.brokerage.port.brokerage, order.brokerageOrderId));
    if (foreign.version > 0) return 'foreign';
    foreign.adopt(order);
    await this.revisions.save([foreign]);
    gatewayMetrics.foreign.inc();
    const { brokerageOrderId, clientOrderId, symbol, side, quantity } = order;
    log.error({ brokerageOrderId, clientOrderId, symbol, side, quantity }, 'an order at the broker is not ours');
    return 'foreign';
  }

  private drop(key: string): void {
    this.ended.add(key);
    this.dropping ??= setTimeout(() => {
      this.dropping = undefined;
      const keys = [...this.ended];
      this.ended.clear();
      // Whoever finds such a row later removes it.
      this.work.drop(keys).catch((error: unknown) => log.warn({ err: error }, 'rows of ended revisions were not removed'));
    }, dropMs).unref();
  }
}

const standing = ({ brokerageStatus, filledQuantity, replacedBy }: BrokerageOrder): string =>
  `${brokerageStatus} ${filledQuantity} ${replacedBy ?? ''}`;

/** That an order which is at the broker is there, untraded: most updates are this one, and cost no look at the store. */
const saysNothing = ({ event, order, execution }: BrokerageUpdate): boolean =>
  plainWords.has(event) && order.status === 'working' && order.filledQuantity === '0' && execution === undefined;
const plainWords = new Set(['new', 'accepted', 'pending_new', 'pending_cancel', 'pending_replace', 'brokerage sweep']);

/** The order as it stands first, for that proves that the broker has it; then what was traded; then how it ended. */
function tell(revision: BrokerOrder, { event, order, execution, previousExecutionId }: BrokerageUpdate): void {
  revision.learn(order);
  if (event === 'trade_bust' && previousExecutionId !== undefined) revision.bust(previousExecutionId);
  else if (event === 'trade_correct' && execution && previousExecutionId !== undefined) {
    revision.correct({ ...execution, executionId: previousExecutionId });
  } else if (execution) revision.report(execution);
  if (event === 'order_cancel_rejected') revision.rejectCancel('the broker refused to cancel it');
  revision.learn(order);
}

/** A worker has to look: executions are missing, or the revision is part of a replacement, which takes two revisions to settle. */
function needsWork(revision: BrokerOrder, { order }: BrokerageUpdate): boolean {
  const isUnaccepted = revision.progress !== 'working';
  return revision.lacks(order) || isUnaccepted || order.status === 'replaced';
}
