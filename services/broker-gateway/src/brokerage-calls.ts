import { foreignOrderIdFor } from '@tradecore/events';
import {
  wants,
  type BrokerOrder,
  type BrokerageAnswer,
  type LookedUp,
  type NextStep,
  type Reply,
  type Revision,
} from '@tradecore/trading';
import { gatewayMetrics } from './broker-gateway.metrics.ts';
import type { BrokerOrders } from './broker-orders.ts';
import { NoUsableReply } from './brokerage-port.ts';
import type { Brokerage } from './brokerage.ts';

type LookUp = Extract<NextStep, { do: 'look-up' }>;
type Taking = NonNullable<Extract<Reply, { of: 'look-up' }>['successor']>;

/** Makes the one call of a step. */
export class BrokerageCalls {
  constructor(
    private readonly brokerage: Brokerage,
    private readonly orders: Pick<BrokerOrders, 'isComing'>,
  ) {}

  async make(step: Exclude<NextStep, { do: 'nothing' | 'wait' }>, revision: Revision): Promise<Reply> {
    const { port } = this.brokerage;
    const { id } = revision.order;
    const at = this.brokerage.now();
    switch (step.do) {
      case 'interpret':
        return step.reply;
      case 'submit':
        return { of: 'submit', at, answer: counted(await port.submit(id, step.terms)) };
      case 'replace':
        return { of: 'replace', at, answer: counted(await port.replace(step.brokerageOrderId, id, step.terms)) };
      case 'cancel':
      case 'make-room':
        return { of: step.do, at, answer: await port.cancel(step.brokerageOrderId) };
      case 'look-up':
        return this.lookUp(step, revision);
    }
  }

  private async lookUp(step: LookUp, { order, replaced }: Revision): Promise<Reply> {
    const { port } = this.brokerage;
    const own = step.own ? await this.looked(order, await port.byClientOrderId(order.id), step.list) : undefined;
    const old =
      step.replaced !== undefined && replaced
        ? await this.looked(replaced.order, await port.byId(step.replaced), false)
        : undefined;
    const successor = own ? await this.successorOf(order, own.answer) : undefined;
    return { of: 'look-up', ...(own && { own }), ...(old && { replaced: old }), ...(successor && { successor }) };
  }

  /** Adds all executions where they are wanted. If they cannot be read, the whole lookup is unknown. */
  private async looked(order: BrokerOrder, answer: BrokerageAnswer, list: boolean): Promise<LookedUp> {
    if (answer.kind !== 'order' || !(list || wants(order, answer.order).executions)) return { answer };
    try {
      return { answer, executions: await this.brokerage.port.executionsOf(answer.order) };
    } catch (error) {
      if (!(error instanceof NoUsableReply)) throw error;
      return { answer: { kind: 'unknown', reason: error.message } };
    }
  }

  /** The order that took its place: one of ours, which handles both until it is proved, or a foreign one. */
  private async successorOf(order: BrokerOrder, answer: BrokerageAnswer): Promise<Taking | undefined> {
    const id = answer.kind === 'order' ? wants(order, answer.order).successor : undefined;
    const found = id === undefined ? undefined : await this.brokerage.port.byId(id);
    if (found?.kind !== 'order') return undefined;
    const { clientOrderId, brokerageOrderId } = found.order;
    const isComing = await this.orders.isComing(clientOrderId);
    if (isComing !== undefined) return { brokerOrderId: clientOrderId, isComing };
    return { brokerOrderId: foreignOrderIdFor(this.brokerage.port.brokerage, brokerageOrderId), isComing: false };
  }
}

function counted(answer: BrokerageAnswer): BrokerageAnswer {
  if (answer.kind === 'unknown') gatewayMetrics.unknown.inc();
  return answer;
}
