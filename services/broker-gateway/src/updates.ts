import { setTimeout as sleep } from 'node:timers/promises';
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
import { Venue } from './venue.ts';

const log = logger('broker-updates');
const remembered = 50_000;
/** How long an update waits for the answer to a call. */
const answerMs = 25;
/** Rows of legs that have ended are removed together. */
const dropMs = 200;

/** What became of an update. */
export type Applied = 'applied' | 'known' | 'foreign';

/** Takes over what the broker tells of an order, one after the other for each order: from the stream, and from the look-back. */
@Injectable()
export class Updates {
  private readonly inTurn = new Map<string, Promise<unknown>>();
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

  /** Updates that wait for their turn. */
  get waiting(): number {
    return this.inTurn.size;
  }

  /** Whether this was taken over already, as far as this process remembers. */
  knows(order: VenueOrder): boolean {
    return this.seen.get(order.venueOrderId) === standing(order);
  }

  knowsExecution(executionId: string): boolean {
    return this.executions.get(executionId) === true;
  }

  /** Takes an update over: after those of the same order that came before it. */
  apply(update: VenueUpdate): Promise<Applied> {
    const key = update.order.venueOrderId;
    const turn = (this.inTurn.get(key) ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => this.applyNow(update))
      .finally(() => {
        if (this.inTurn.get(key) === turn) this.inTurn.delete(key);
      });
    this.inTurn.set(key, turn);
    return turn;
  }

  private async applyNow(update: VenueUpdate): Promise<Applied> {
    const { order, execution } = update;
    if (this.foreign.get(order.venueOrderId)) return 'foreign';
    await this.afterTheAnswer(order.clientOrderId);
    const applied = await retryOnConflict(() => this.take(update), 10);
    if (applied === 'foreign') this.foreign.set(order.venueOrderId, true);
    this.seen.set(order.venueOrderId, standing(order));
    if (execution) this.executions.set(execution.executionId, true);
    return applied;
  }

  /**
   * The answer to a call and the first update come in the same moment: the one waits for the other, for two that store at once would
   * have to try again. Not for long: the answer may never come.
   */
  private async afterTheAnswer(clientOrderId: string): Promise<void> {
    const settled = this.work.settled(clientOrderId);
    if (settled) await Promise.race([settled, sleep(answerMs)]);
  }

  private async take(update: VenueUpdate): Promise<Applied> {
    const { order } = update;
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

/** A map that forgets what was set longest ago when it is full. */
class Recent<K, V> {
  readonly #map = new Map<K, V>();

  constructor(private readonly limit: number) {}

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  set(key: K, value: V): void {
    this.#map.delete(key);
    if (this.#map.size >= this.limit) this.#map.delete(this.#map.keys().next().value as K);
    this.#map.set(key, value);
  }
}
