import { brokerOrderIdFor, type Opening } from '@tradecore/events';
import { BrokerOrder } from '../src/broker-order/broker-order.aggregate.ts';
import type { BrokerageExecution, BrokerageOrder } from '../src/broker-order/brokerage-replies.ts';
import { commandIdOf, interpretReply } from '../src/broker-order/interpret-reply.ts';
import type { Interpretation } from '../src/broker-order/revision.ts';

const orderId = '0190a6e0-0000-7000-8000-0000000000a1';
const id = brokerOrderIdFor(orderId, 1);
const now = '2026-01-02T03:04:05.000Z';
const rules = { brokerage: 'test', replaceCarriesFills: false, graceMs: 0, quarantineMs: 0, tries: 5 };
const opening: Opening = {
  commandId: 'step',
  terms: {
    ...{ accountId: 'account', orderId, revision: 1, symbol: 'ACME', side: 'buy', type: 'limit' },
    ...{ quantity: '10', limitPrice: '5', timeInForce: 'gtc' },
  },
};

const shown = (changes: Partial<BrokerageOrder> = {}): BrokerageOrder => ({
  ...{ brokerageOrderId: 'b-1', clientOrderId: id, symbol: 'ACME', side: 'buy', status: 'working', brokerageStatus: 'new' },
  ...{ quantity: '10', filledQuantity: '0', submittedAt: now },
  ...changes,
});
const canceled = (filledQuantity = '0') => shown({ status: 'canceled', brokerageStatus: 'canceled', filledQuantity });

const execution = (changes: Partial<BrokerageExecution> = {}): BrokerageExecution => ({
  ...{ executionId: 'e-1', brokerageExecutionId: 'x-1', brokerageOrderId: 'b-1', quantity: '4', price: '5', executedAt: now },
  ...changes,
});

/** One BrokerOrder, as the brokerage's lists show it. */
class Listed {
  readonly order = new BrokerOrder(id).openedBy(opening);

  shows(order: BrokerageOrder, ...executions: BrokerageExecution[]): Interpretation {
    return interpretReply({ order: this.order, cancels: [], state: {} }, { of: 'list', order, executions }, rules, now);
  }

  /**
   * Looks up all executions twice, because only a repeated difference counts. Returns the command id that it is stored
   * under.
   */
  corrects(price: string): string {
    this.order.markCommitted();
    const own = { answer: { kind: 'order', order: shown({ filledQuantity: '4' }) } as const, executions: [execution({ price })] };
    const first = interpretReply({ order: this.order, cancels: [], state: { list: true } }, { of: 'look-up', own }, rules, now);
    interpretReply({ order: this.order, cancels: [], state: first.state }, { of: 'look-up', own }, rules, now);
    return commandIdOf([this.order]);
  }
}

describe('a report about an order that has ended', () => {
  it('requests a row for the replacement if the order traded after it was cancelled', () => {
    const listed = new Listed();
    listed.shows(shown());
    expect(listed.shows(canceled())).not.toHaveProperty('tradedLate');
    expect(listed.shows(canceled('4'), execution())).toMatchObject({ tradedLate: true });
    expect(listed.shows(canceled('4'), execution())).not.toHaveProperty('tradedLate');
  });

  it('requests none if it had traded before it was cancelled', () => {
    const listed = new Listed();
    expect(listed.shows(canceled('4'), execution())).not.toHaveProperty('tradedLate');
  });
});

describe('a rest that was sent', () => {
  it('ends its revision once it has traded in full and part of the previous order was taken back', () => {
    const before = new BrokerOrder(id).openedBy(opening);
    const order = new BrokerOrder(brokerOrderIdFor(orderId, 2)).openedBy({
      commandId: 'step 2',
      terms: { ...opening.terms, revision: 2, replaces: id },
    });
    const word = (of: BrokerOrder, seen: BrokerageOrder, ...executions: BrokerageExecution[]) => {
      const replaced = of === order && { replaced: { order: before, cancels: [] } };
      return interpretReply(
        { order: of, cancels: [], state: {}, ...replaced },
        { of: 'list', order: seen, executions },
        rules,
        now,
      );
    };
    word(before, canceled('4'), execution());
    const rest = { brokerageOrderId: 'b-2', clientOrderId: order.id, quantity: '6' };
    word(order, shown(rest));
    before.bust(execution(), 'x-2');
    word(
      order,
      shown({ ...rest, status: 'filled', brokerageStatus: 'filled', filledQuantity: '6' }),
      execution({ executionId: 'e-2', brokerageExecutionId: 'x-3', brokerageOrderId: 'b-2', quantity: '6' }),
    );
    expect(order.uncommittedEvents.map(({ type }) => type)).toEqual([
      'BrokerOrderAccepted',
      'ExecutionReported',
      'BrokerOrderCanceled',
    ]);
  });
});

describe('a correction found only in the list', () => {
  it('is stored under another command id than the previous one, although the execution id is the same', () => {
    const listed = new Listed();
    listed.shows(shown({ filledQuantity: '4' }), execution());
    const commands = [listed.corrects('5.1'), listed.corrects('5.2'), listed.corrects('5.1')];
    expect(new Set(commands).size).toBe(3);
  });
});
