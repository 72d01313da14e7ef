import { Inject, Injectable } from '@nestjs/common';
import { BoundedCache } from '@tradecore/consumers';
import { foreignOrderIdFor } from '@tradecore/events';
import { logger } from '@tradecore/telemetry';
import type { BrokerageOrder, Reply } from '@tradecore/trading';
import { gatewayMetrics } from './broker-gateway.metrics.ts';
import { BrokerOrderOwner, type Applied } from './broker-order-owner.ts';
import { BrokerOrderQueue } from './broker-order-queue.ts';
import { BrokerOrderStore } from './broker-order-store.ts';
import { Brokerage } from './brokerage.ts';

const log = logger('broker-orders');
/** Of so many BrokerOrders this process remembers something; of others it asks the store. */
const remembered = 20_000;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** All orders at the brokerage, each with its one owner in this process. */
@Injectable()
export class BrokerOrders {
  /** Words that are not stored yet. */
  waiting = 0;
  private readonly owners = new BoundedCache<string, BrokerOrderOwner>(remembered);
  private readonly foreign = new BoundedCache<string, true>(remembered);

  constructor(
    @Inject(BrokerOrderStore) private readonly store: BrokerOrderStore,
    @Inject(BrokerOrderQueue) private readonly queue: BrokerOrderQueue,
    @Inject(Brokerage) private readonly brokerage: Brokerage,
  ) {}

  /** Who owns what this process knows of a BrokerOrder. */
  ownerOf(brokerOrderId: string): BrokerOrderOwner {
    const known = this.owners.get(brokerOrderId);
    if (known) return known;
    const { brokerage, queue, store } = this;
    const owner = new BrokerOrderOwner(brokerOrderId, { brokerage, queue, store });
    this.owners.set(brokerOrderId, owner);
    return owner;
  }

  /** Whether this process has taken over already what the brokerage shows. */
  knows(order: BrokerageOrder, executions: Extract<Reply, { of: 'list' }>['executions']): boolean {
    return this.foreign.get(order.brokerageOrderId) ?? this.owners.get(order.clientOrderId)?.knows(order, executions) ?? false;
  }

  /** Whether a BrokerOrder is ours and nothing proves yet that the brokerage has it; undefined when it is not ours. */
  async isComing(brokerOrderId: string): Promise<boolean | undefined> {
    const loaded = uuid.test(brokerOrderId) ? await this.ownerOf(brokerOrderId).load() : undefined;
    return loaded?.order.isUnproven;
  }

  /** Takes over what is heard of an order. It is ours when a step that sends it is stored, never because it has events. */
  async hear(reply: Extract<Reply, { of: 'stream' | 'list' }>): Promise<Applied> {
    const order = reply.of === 'stream' ? reply.update.order : reply.order;
    if (this.foreign.get(order.brokerageOrderId)) return 'foreign';
    this.waiting += 1;
    try {
      const isOurs = uuid.test(order.clientOrderId) && (await this.ownerOf(order.clientOrderId).isOurs());
      return isOurs ? await this.ownerOf(order.clientOrderId).hear(reply) : await this.adopt(order);
    } finally {
      this.waiting -= 1;
    }
  }

  /** Records an order that is not ours, so that it is seen; once. */
  private async adopt(order: BrokerageOrder): Promise<Applied> {
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
