import { executionIdFor, freshId, type BrokerOrderEvent, type Opening } from '@tradecore/events';
import { BrokerOrder, type BrokerageOrder } from '@tradecore/trading';
import { BrokerOrderOwner, type OwnerParts } from './broker-order-owner.ts';

const opening: Opening = {
  commandId: freshId(),
  terms: {
    ...{ orderId: freshId(), accountId: freshId(), revision: 1, symbol: 'ACME', side: 'buy' },
    ...{ type: 'limit', limitPrice: '100', quantity: '10', timeInForce: 'gtc' },
  },
};
const shown: BrokerageOrder = {
  ...{ brokerageOrderId: 'v1', clientOrderId: 'x', symbol: 'ACME', side: 'buy', status: 'working', brokerageStatus: 'new' },
  ...{ quantity: '10', filledQuantity: '0', submittedAt: '2026-01-02T03:04:05Z' },
};
const execution = {
  ...{ executionId: executionIdFor('paper', 'e1'), brokerageExecutionId: 'e1', brokerageOrderId: 'v1' },
  ...{ quantity: '4', price: '100', executedAt: '2026-01-02T03:04:06Z' },
};
const fill = {
  of: 'stream',
  update: {
    event: 'partial_fill',
    order: { ...shown, brokerageStatus: 'partially_filled', filledQuantity: '4' },
    report: { kind: 'trade', execution },
  },
} as const;

/** An owner whose store counts what is saved in a transaction only when the test commits it. */
function world() {
  const id = freshId();
  const stored: BrokerOrderEvent[] = [];
  const asked: string[] = [];
  const cancels: string[] = [];
  const load = () => {
    const order = new BrokerOrder(id).replay(stored).openedBy(opening);
    const warm = { aggregate: order, lastEventId: null };
    return Promise.resolve({ origin: { opening, context: {} }, open: [], warm, isHalted: false, order, cancels: [...cancels] });
  };
  const save = ({ order }: { readonly order: BrokerOrder }, tx?: BrokerOrderEvent[]) => {
    const events = [...order.uncommittedEvents];
    (tx ?? stored).push(...events);
    order.markCommitted();
    return Promise.resolve(events.map((event, index) => ({ ...event, id: String(index), aggregateId: id })));
  };
  const rules = { replaceCarriesFills: true, graceMs: 0, quarantineMs: 0, tries: 10 };
  const parts = {
    store: {
      load,
      save,
      originOf: () => Promise.resolve({ opening, context: {} }),
      replacementsOf: () => Promise.resolve([]),
      allReplacementsOf: () => Promise.resolve(['the next revision']),
    },
    queue: { ask: (id: string) => void asked.push(id), drop: () => undefined },
    brokerage: { config: { BROKER_GATHER: 0 }, rules, now: () => '2026-01-02T03:04:07Z' },
  };
  return { owner: new BrokerOrderOwner(id, parts as unknown as OwnerParts), stored, asked, cancels };
}

describe('messages that a worker settles in its turn', () => {
  const settle = async (isCommitted: boolean) => {
    const { owner, stored } = world();
    await owner.load();
    const heard = owner.hear(fill);
    const settlement = await owner.begin(undefined, {});
    const tx: BrokerOrderEvent[] = [];
    await settlement.settle(tx as never);
    if (isCommitted) stored.push(...tx);
    const knew = () => owner.knows(fill.update.order, [execution]);
    settlement.release(isCommitted);
    return { heard, stored, knew, knewAtOnce: knew() };
  };

  it('are stored in its transaction', async () => {
    const { heard, stored, knewAtOnce } = await settle(true);
    expect(knewAtOnce).toBe(true);
    expect(await heard).toBe('applied');
    expect(stored.map(({ type }) => type)).toEqual(['BrokerOrderAccepted', 'ExecutionReported']);
  });

  it('are stored later when its transaction is rolled back; until then a sweep does not treat them as known', async () => {
    const { heard, stored, knew, knewAtOnce } = await settle(false);
    expect(knewAtOnce).toBe(false);
    expect(await heard).toBe('applied');
    expect(stored.filter(({ type }) => type === 'ExecutionReported')).toHaveLength(1);
    expect(knew()).toBe(true);
  });
});

describe('the end of a cancelled order', () => {
  it('answers the cancel that another gateway took in meanwhile', async () => {
    const { owner, stored, cancels } = world();
    await owner.hear(fill);
    const cancel = freshId();
    cancels.push(cancel);
    const order = { ...fill.update.order, status: 'canceled', brokerageStatus: 'canceled' } as const;
    await owner.hear({ of: 'stream', update: { event: 'canceled', order } });
    expect(stored.at(-1)).toMatchObject({ type: 'BrokerOrderCanceled', data: { answers: cancel } });
  });
});

describe('an execution after the end of its order', () => {
  it('that a lookup finds makes the replacement check, after the commit, whether too much may trade', async () => {
    const { owner, stored, asked } = world();
    const canceled = { ...shown, status: 'canceled', brokerageStatus: 'canceled' } as const;
    await owner.hear({ of: 'stream', update: { event: 'canceled', order: canceled } });
    asked.length = 0;
    const found = { answer: { kind: 'order', order: { ...canceled, filledQuantity: '4' } }, executions: [execution] } as const;
    const settlement = await owner.begin({ of: 'look-up', own: found }, { list: true });
    const tx: BrokerOrderEvent[] = [];
    await settlement.settle(tx as never);
    stored.push(...tx);
    expect([tx.map(({ type }) => type), asked]).toEqual([['ExecutionReported'], []]);
    settlement.release(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toEqual(['the next revision']);
  });
});
