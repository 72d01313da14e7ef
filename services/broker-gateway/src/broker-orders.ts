import { Inject, Injectable } from '@nestjs/common';
import { BoundedCache } from '@tradecore/consumers';
import { foreignOrderIdFor, isUuid } from '@tradecore/events';
import { logger } from '@tradecore/telemetry';
import type { BrokerageOrder, Reply, UnreadableOrder } from '@tradecore/trading';
import { gatewayMetrics } from './broker-gateway.metrics.ts';
import { BrokerOrderOwner, type Applied } from './broker-order-owner.ts';
import { BrokerOrderQueue } from './broker-order-queue.ts';
import { BrokerOrderStore } from './broker-order-store.ts';
import { Brokerage } from './brokerage.ts';

const log = logger('broker-orders');
/** BrokerOrders that this process keeps in memory; others are read from the store. */
const remembered = 20_000;

/** All orders at the brokerage, each with one owner in this process. */
@Injectable()
export class BrokerOrders {
  private readonly owners = new BoundedCache<string, BrokerOrderOwner>(remembered);
  private readonly foreign = new BoundedCache<string, true>(remembered);

  constructor(
    @Inject(BrokerOrderStore) private readonly store: BrokerOrderStore,
    @Inject(BrokerOrderQueue) private readonly queue: BrokerOrderQueue,
    @Inject(Brokerage) private readonly brokerage: Brokerage,
  ) {}

  /** The owner of a BrokerOrder in this process. */
  ownerOf(brokerOrderId: string): BrokerOrderOwner {
    const known = this.owners.get(brokerOrderId);
    if (known) return known;
    const { brokerage, queue, store } = this;
    const owner = new BrokerOrderOwner(brokerOrderId, { brokerage, queue, store });
    this.owners.set(brokerOrderId, owner);
    return owner;
  }

  /** Whether this process has already stored what the brokerage shows. */
  knows(order: BrokerageOrder, executions: Extract<Reply, { of: 'list' }>['executions']): boolean {
    return this.foreign.get(order.brokerageOrderId) ?? this.owners.get(order.clientOrderId)?.knows(order, executions) ?? false;
  }

  /** Whether nothing proves yet that the brokerage has this BrokerOrder; undefined when it is not ours. */
  async isComing(brokerOrderId: string): Promise<boolean | undefined> {
    const loaded = isUuid(brokerOrderId) ? await this.ownerOf(brokerOrderId).load() : undefined;
    return loaded?.order.isUnproven;
  }

  /** Stores a message about an order. It is ours if a step that sends it is stored, never because it has events. */
  async hear(reply: Extract<Reply, { of: 'stream' | 'list' }>): Promise<Applied> {
    const order = reply.of === 'stream' ? reply.update.order : reply.order;
    if (this.isForeign(order.brokerageOrderId)) return 'foreign';
    return (await this.isOurs(order)) ? this.ownerOf(order.clientOrderId).hear(reply) : this.adopt(order);
  }

  private async isOurs({ clientOrderId }: Pick<BrokerageOrder, 'clientOrderId'>): Promise<boolean> {
    return isUuid(clientOrderId) && this.ownerOf(clientOrderId).isOurs();
  }

  /** Whether the order at the brokerage is known not to be ours. */
  isForeign(brokerageOrderId: string): boolean {
    return this.foreign.get(brokerageOrderId) ?? false;
  }

  /** Handles an order of unknown shape: foreign if not ours; if ours, looked up until its outcome is known. */
  async meet(order: UnreadableOrder): Promise<Applied> {
    const { brokerageOrderId, clientOrderId, unreadable } = order;
    if (this.isForeign(brokerageOrderId)) return 'foreign';
    if (!(await this.isOurs(order))) return this.adopt(order);
    log.error({ brokerageOrderId, clientOrderId, unreadable }, 'the brokerage shows one of our orders in an unknown shape');
    this.queue.ask(clientOrderId);
    return 'known';
  }

  /** Records an order that is not ours, once, so that operators see it. */
  private async adopt(order: BrokerageOrder | UnreadableOrder): Promise<Applied> {
    const id = foreignOrderIdFor(this.brokerage.port.brokerage, order.brokerageOrderId);
    if (await this.store.adopt(id, order)) {
      gatewayMetrics.foreign.inc();
      const { brokerageOrderId, clientOrderId, symbol, side, quantity } = order;
      log.error({ brokerageOrderId, clientOrderId, symbol, side, quantity }, 'an order at the brokerage is not ours');
    }
    this.foreign.set(order.brokerageOrderId, true);
    return 'foreign';
  }
}
