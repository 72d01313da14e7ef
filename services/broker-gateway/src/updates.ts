import { Inject, Injectable } from '@nestjs/common';
import type { BrokerOrder, VenueOrder } from '@tradecore/trading';
import { retryOnConflict } from '@tradecore/event-sourcing';
import { foreignOrderIdFor } from '@tradecore/events';
import { logger } from '@tradecore/telemetry';
import { DataSource } from 'typeorm';
import { gatewayMetrics } from './broker-gateway.metrics.ts';
import type { VenueUpdate } from './broker-port.ts';
import { LegWork } from './leg-work.ts';
import { Legs } from './legs.ts';
import { Recent } from './recent.ts';
import { Venue } from './venue.ts';

const log = logger('broker-updates');
const remembered = 50_000;
/** Rows of legs that have ended are removed together. */
const dropMs = 200;

/** What became of an update. */
export type Applied = 'applied' | 'known' | 'foreign';

/** Takes over what the broker tells of an order, one after the other for each order: from the stream, and from the look-back. */
@Injectable()
export class Updates {
  /** Updates that are not stored yet. */
  waiting = 0;
  private readonly foreign = new Recent<string, true>(remembered);
  private readonly ended = new Set<string>();
  private dropping: NodeJS.Timeout | undefined;

  /** How each order stood when it was last taken over, by the broker's id; and the executions that were. */
  private readonly seen = new Recent<string, string>(remembered);
  private readonly executions = new Recent<string, true>(remembered);

  constructor(
    @Inject(Legs) private readonly legs: Legs,
    @Inject(LegWork) private readonly work: LegWork,
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Venue) private readonly venue: Venue,
  ) {}

  /** Whether this was taken over already, as far as this process remembers. */
  knows(order: VenueOrder): boolean {
    return this.seen.get(order.venueOrderId) === standing(order);
  }

  knowsExecution(executionId: string): boolean {
    return this.executions.get(executionId) === true;
  }

  /** Takes an update over: after those of the same order that came before it. */
  async apply(update: VenueUpdate): Promise<Applied> {
    this.waiting += 1;
    try {
      return await this.legs.turns.run(update.order.clientOrderId, () => this.applyNow(update));
    } finally {
      this.waiting -= 1;
    }
  }

  private async applyNow(update: VenueUpdate): Promise<Applied> {
    const { order, execution } = update;
    if (this.foreign.get(order.venueOrderId)) return 'foreign';
    const applied = await retryOnConflict(() => this.take(update), 10);
    if (applied === 'foreign') this.foreign.set(order.venueOrderId, true);
    this.seen.set(order.venueOrderId, standing(order));
    if (execution) this.executions.set(execution.executionId, true);
    return applied;
  }

  private async take(update: VenueUpdate): Promise<Applied> {
    const { order } = update;
    if (saysNothing(update) && this.legs.wasWorking(order.clientOrderId)) return 'known';
    const leg = await this.legs.find(order.clientOrderId);
    if (!leg || leg.progress === 'foreign') return this.adopt(order);
    const wasOpen = leg.isOpen;
    tell(leg, update);
    const isNews = leg.uncommittedEvents.length > 0;
    if (!wasOpen && leg.isOpen) await this.reopen(leg);
    else await this.legs.save([leg]);
    if (!leg.isOpen) this.drop(leg.id);
    else if (needsWork(leg, update)) await this.work.ask([leg.id]);
    return isNews ? 'applied' : 'known';
  }

  /** It was given up, and is at the broker: from now on somebody attends to it, first by cancelling it there. */
  private async reopen(leg: BrokerOrder): Promise<void> {
    log.error({ brokerOrderId: leg.id }, 'an order that was given up is at the broker: it is cancelled there');
    await this.dataSource.transaction(async (tx) => {
      await this.legs.save([leg], tx);
      await this.work.put(tx, [leg.id]);
    });
    this.work.wake();
  }

  private async adopt(order: VenueOrder): Promise<Applied> {
    const foreign = await this.legs.load(foreignOrderIdFor(this.venue.port.venue, order.venueOrderId));
    if (foreign.version > 0) return 'foreign';
    foreign.adopt(order);
    await this.legs.save([foreign]);
    gatewayMetrics.foreign.inc();
    const { venueOrderId, clientOrderId, symbol, side, quantity } = order;
    log.error({ venueOrderId, clientOrderId, symbol, side, quantity }, 'an order at the broker is not ours');
    return 'foreign';
  }

  private drop(key: string): void {
    this.ended.add(key);
    this.dropping ??= setTimeout(() => {
      this.dropping = undefined;
      const keys = [...this.ended];
      this.ended.clear();
      // Whoever finds such a row later removes it.
      this.work.drop(keys).catch((error: unknown) => log.warn({ err: error }, 'rows of ended legs were not removed'));
    }, dropMs).unref();
  }
}

const standing = ({ venueStatus, filledQuantity, replacedBy }: VenueOrder): string =>
  `${venueStatus} ${filledQuantity} ${replacedBy ?? ''}`;

/** That an order which is at the broker is there, untraded: most updates are this one, and cost no look at the store. */
const saysNothing = ({ event, order, execution }: VenueUpdate): boolean =>
  plainWords.has(event) && order.status === 'working' && order.filledQuantity === '0' && execution === undefined;
const plainWords = new Set(['new', 'accepted', 'pending_new', 'pending_cancel', 'pending_replace', 'look-back']);

/** The order as it stands first, for that proves that the broker has it; then what was traded; then how it ended. */
function tell(leg: BrokerOrder, { event, order, execution, previousExecutionId }: VenueUpdate): void {
  leg.learn(order);
  if (event === 'trade_bust' && previousExecutionId !== undefined) leg.bust(previousExecutionId);
  else if (event === 'trade_correct' && execution && previousExecutionId !== undefined) {
    leg.correct({ ...execution, executionId: previousExecutionId });
  } else if (execution) leg.report(execution);
  if (event === 'order_cancel_rejected') leg.rejectCancel('the broker refused to cancel it');
  leg.learn(order);
}

/** A worker has to look: executions are missing, or the leg is part of a replacement, which takes two legs to settle. */
function needsWork(leg: BrokerOrder, { order }: VenueUpdate): boolean {
  const isUnaccepted = leg.progress !== 'working';
  return leg.lacks(order) || isUnaccepted || order.status === 'replaced';
}
