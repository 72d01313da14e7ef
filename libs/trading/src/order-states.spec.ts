import fc from 'fast-check';
import { DomainError } from '@tradecore/event-sourcing';
import type { OrderChange, OrderEvent } from '@tradecore/events';
import { changeOf, execution, historyOf } from '../test/order-in.ts';
import { isTerminal, Order, orderStates, ordStatuses, restOf, standingAfter } from './index.ts';
import type { OrderFigures, OrderStanding, OrdStatus } from './index.ts';
import type { Transition } from './order-transitions.ts';

const id = '0190a6e0-0000-7000-8000-00000000a001';
const orderIn = (status: OrdStatus): Order => new Order(id).replay(historyOf[status]);
const changes = Object.values(changeOf);
const transitions = Object.entries(orderStates).flatMap(([event, row]) =>
  ordStatuses.map((status) => [event as OrderEvent['type'], status, row[status] as Transition] as const),
);
const told = transitions.filter(([event]) => event in changeOf);
const requested = transitions.filter(([event]) => !(event in changeOf));

/** Tells an order of this status a change; an execution that is amended is told before. */
function tell(status: OrdStatus, change: OrderChange) {
  const order = orderIn(status);
  if (change.type === 'OrderExecutionBusted' || change.type === 'OrderExecutionCorrected') {
    order.tell({ type: 'OrderExecuted', data: { ...execution('e9', '2'), revision: 1 } });
  }
  const before = order.status as OrdStatus;
  const known = order.uncommittedEvents.length;
  order.tell(change);
  return { order, before, applied: order.uncommittedEvents.slice(known).map(({ type }) => type) };
}

describe('the table of states and events', () => {
  it('has a transition for each of 14 states and 20 events', () => {
    expect(transitions).toHaveLength(14 * 20);
    expect(transitions.every(([, , transition]) => transition !== undefined)).toBe(true);
  });

  it.each(ordStatuses)('%s is a state that an order gets to', (status) => {
    expect(orderIn(status).status).toBe(status);
  });

  it.each(told)('%s told in %s does what its transition says', (event, status) => {
    const { order, before, applied } = tell(status, changeOf[event as OrderChange['type']]);
    const transition = orderStates[event][before] as Transition;
    expect(applied).toEqual([transition.act === 'ignore' ? 'OrderChangeIgnored' : event]);
    if (transition.act === 'move') expect(order.status).toBe(transition.to);
    if (transition.act === 'stay' || transition.act === 'ignore') expect(order.status).toBe(before);
    if (transition.act === 'rest')
      expect(['new', 'partiallyFilled', 'filled', 'pendingCancel', 'pendingReplace']).toContain(order.status);
  });

  const requests: Partial<Record<OrderEvent['type'], (order: Order) => void>> = {
    OrderPlaced: (order) => order.place({ ...order.terms!, quantity: '11' }),
    OrderApproved: (order) => order.approve({ ...order.terms!, reservePrice: '101.5' }),
    OrderCancelRequested: (order) => order.requestCancel(),
    OrderReplaceRequested: (order) => order.requestReplace({ quantity: '15' }, { reservePrice: '101.5' }),
  };

  it.each(requested.filter(([event]) => event in requests))(
    '%s in %s is granted or refused as its transition says',
    (event, status, transition) => {
      const order = orderIn(status);
      const request = () => requests[event]?.(order);
      if (transition.act !== 'refuse') {
        request();
        expect(order.uncommittedEvents.map(({ type }) => type)).toEqual([event]);
        expect(order.status).toBe(transition.act === 'move' ? transition.to : status);
        return;
      }
      expect(request).toThrow(expect.objectContaining({ code: transition.code }));
      expect(order.uncommittedEvents).toEqual([]);
    },
  );
});

describe('what the table keeps', () => {
  it('no event leads out of a terminal state', () => {
    for (const [, status, transition] of transitions.filter(([, each]) => isTerminal(each))) {
      expect([status, transition.act]).toEqual([status, expect.stringMatching(/stay|ignore|refuse/)]);
    }
  });

  it('an execution, a bust and a correction are facts in every state: never ignored', () => {
    for (const [event, , transition] of transitions.filter(([each]) => each.startsWith('OrderExecut'))) {
      expect([event, transition.act]).not.toEqual([event, 'ignore']);
    }
  });

  it('unknown is left by proof and by nothing else', () => {
    const exits = transitions.filter(([, status, { act }]) => status === 'unknown' && (act === 'move' || act === 'rest'));
    expect(exits.map(([event]) => event).sort()).toEqual([
      'OrderAccepted',
      'OrderCanceled',
      'OrderDoneForDay',
      'OrderExecuted',
      'OrderExpired',
      'OrderRejected',
      'OrderReplaceRejected',
      'OrderReplaced',
      'OrderSuspended',
    ]);
  });

  it('only clients are refused; the saga is answered', () => {
    for (const [event, , transition] of told) expect([event, transition.act]).not.toEqual([event, 'refuse']);
  });

  it.each<[OrderFigures, OrdStatus]>([
    [{ quantity: '10', filled: '0' }, 'new'],
    [{ quantity: '10', filled: '4' }, 'partiallyFilled'],
    [{ quantity: '10', filled: '10' }, 'filled'],
    [{ quantity: '10', filled: '11' }, 'filled'],
    [{ quantity: '10', filled: '4', canceling: true }, 'pendingCancel'],
    [{ quantity: '10', filled: '4', canceling: true, replacing: true }, 'pendingCancel'],
    [{ quantity: '10', filled: '10', canceling: true }, 'filled'],
    [{ quantity: '10', filled: '4', replacing: true }, 'pendingReplace'],
    [{ quantity: '10', filled: '10', replacing: true }, 'pendingReplace'],
    [{ quantity: '10', filled: '10', canceling: true, replacing: true }, 'pendingCancel'],
  ])('an order of %j rests as %s', (figures, status) => {
    expect(restOf(figures)).toBe(status);
  });
});

describe('an order through its life', () => {
  it('counts what traded, whatever the revision, and what may still trade', () => {
    const order = orderIn('new');
    order.tell({ type: 'OrderExecuted', data: { ...execution('e1', '4'), revision: 1 } });
    order.tell({ type: 'OrderExecuted', data: { ...execution('e2', '6'), revision: 1 } });
    expect(order.uncommittedEvents.map(({ data }) => data)).toMatchObject([
      { cumulativeQuantity: '4', leavesQuantity: '6' },
      { cumulativeQuantity: '10', leavesQuantity: '0' },
    ]);
    expect([order.status, order.filledQuantity]).toEqual(['filled', '10']);
  });

  it('knows an execution that is told twice', () => {
    const order = orderIn('partiallyFilled');
    order.tell({ type: 'OrderExecuted', data: { ...execution('e1', '4'), revision: 1 } });
    expect(order.uncommittedEvents).toMatchObject([{ type: 'OrderChangeIgnored', data: { reason: 'this execution is known' } }]);
  });

  it('takes an execution back with the figures that it had, once', () => {
    const order = orderIn('partiallyFilled');
    order.tell({ type: 'OrderExecutionBusted', data: { executionId: 'e1' } });
    order.tell({ type: 'OrderExecutionBusted', data: { executionId: 'e1' } });
    order.tell({ type: 'OrderExecutionBusted', data: { executionId: 'never' } });
    expect(order.uncommittedEvents).toMatchObject([
      {
        type: 'OrderExecutionBusted',
        data: { was: { quantity: '4', price: '101' }, cumulativeQuantity: '0', leavesQuantity: '10' },
      },
      { type: 'OrderChangeIgnored' },
      { type: 'OrderChangeIgnored' },
    ]);
    expect(order.status).toBe('new');
  });

  it('corrects an execution', () => {
    const order = orderIn('partiallyFilled');
    order.tell({ type: 'OrderExecutionCorrected', data: execution('e1', '10') });
    expect(order.uncommittedEvents).toMatchObject([
      { data: { was: { quantity: '4' }, cumulativeQuantity: '10', leavesQuantity: '0' } },
    ]);
    expect(order.status).toBe('filled');
  });

  it('records a late fill: the status stays, the quantity grows, nothing is left to trade', () => {
    const { order } = tell('canceled', changeOf.OrderExecuted);
    expect([order.status, order.filledQuantity]).toEqual(['canceled', '2']);
    expect(order.uncommittedEvents).toMatchObject([{ data: { leavesQuantity: '0' } }]);
  });

  it('is asked to cancel once while its outcome is unknown, and is cancelled after the proof', () => {
    const order = orderIn('unknown');
    order.requestCancel();
    expect(() => order.requestCancel()).toThrow(expect.objectContaining({ code: 'cancel-already-requested' }));
    expect(order.status).toBe('unknown');
    order.tell(changeOf.OrderAccepted);
    expect(order.status).toBe('pendingCancel');
  });

  it('in which a cancel overtakes a replace: the cancel shows, the answers count in any order', () => {
    const order = orderIn('pendingReplace');
    order.requestCancel();
    order.tell(changeOf.OrderReplaced);
    expect([order.status, order.revision, order.terms?.quantity]).toEqual(['pendingCancel', 2, '12']);
    order.tell(changeOf.OrderCancelRejected);
    expect(order.status).toBe('new');
  });

  it('goes back to its replace when the cancel that overtook it is refused', () => {
    const order = orderIn('pendingReplace');
    order.requestCancel();
    order.tell(changeOf.OrderCancelRejected);
    expect(order.status).toBe('pendingReplace');
  });

  it('that is filled while its replace waits is filled only when that is refused', () => {
    const order = orderIn('pendingReplace');
    order.tell({ type: 'OrderExecuted', data: { ...execution('e1', '10'), revision: 1 } });
    expect(order.status).toBe('pendingReplace');
    order.tell(changeOf.OrderReplaceRejected);
    expect(order.status).toBe('filled');
  });

  it('has the new terms under its old id, and the name of the revision in a chain', () => {
    const order = orderIn('pendingReplace');
    order.tell({ type: 'OrderReplaced', data: { revision: 2, brokerOrderId: 'b2', quantity: '12', limitPrice: '103' } });
    expect([order.id, order.revision, order.terms]).toMatchObject([id, 2, { quantity: '12', limitPrice: '103' }]);
    order.requestReplace({ limitPrice: '104' }, { reservePrice: '104' });
    expect(order.uncommittedEvents.at(-1)?.data).toEqual({ revision: 3, limitPrice: '104', reservePrice: '104' });
  });

  it('never uses the number of a revision again, also of one that was refused', () => {
    const order = orderIn('pendingReplace');
    order.tell(changeOf.OrderReplaceRejected);
    order.requestReplace({ quantity: '14' }, { reservePrice: '101.5' });
    expect(order.uncommittedEvents.at(-1)?.data).toMatchObject({ revision: 3, quantity: '14' });
    expect(order.revision).toBe(1);
  });

  it('placed again after a replace is compared with what was placed', () => {
    const order = orderIn('pendingReplace');
    order.tell(changeOf.OrderReplaced);
    const before = order.version;
    order.place({ ...order.terms!, quantity: '10' });
    expect(order.version).toBe(before);
    expect(() => order.place({ ...order.terms!, quantity: '12' })).toThrow(
      expect.objectContaining({ code: 'order-already-placed' }),
    );
  });

  it.each([
    ['a quantity that has traded', { quantity: '4' }, 'replace-below-filled'],
    ['less than has traded', { quantity: '3' }, 'replace-below-filled'],
    ['what it has', { quantity: '10.0', limitPrice: '101.50' }, 'replace-changes-nothing'],
    ['nothing', {}, 'replace-changes-nothing'],
    ['a price that its type has not', { stopPrice: '100' }, 'invalid-order-terms'],
    ['no decimal', { quantity: 'x' }, 'invalid-order-terms'],
  ])('that traded 4 of 10 is not replaced by %s', (_, changed, code) => {
    const order = orderIn('partiallyFilled');
    expect(() => order.termsAfter(changed)).toThrow(expect.objectContaining({ code }));
    expect(() => order.requestReplace(changed, { reservePrice: '101.5' })).toThrow(expect.objectContaining({ code }));
    expect(order.uncommittedEvents).toEqual([]);
  });

  it('is decided by the risk rules once', () => {
    const order = orderIn('pendingNew');
    order.approve({ ...order.terms!, reservePrice: '101.5' });
    expect(() => order.approve({ ...order.terms!, reservePrice: '101.5' })).toThrow(
      expect.objectContaining({ code: 'order-already-decided' }),
    );
    expect(() => order.deny({ rule: 'x', detail: 'y', figures: {} })).toThrow(
      expect.objectContaining({ code: 'order-already-decided' }),
    );
  });
});

describe('whatever is told and requested, in any order', () => {
  const fill = fc.record({ key: fc.integer({ min: 1, max: 6 }), quantity: fc.constantFrom('1', '3', '5') });
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...changes).map((change) => (order: Order) => order.tell(change)) },
    {
      weight: 3,
      arbitrary: fill.map(
        ({ key, quantity }) =>
          (order: Order) =>
            order.tell({ type: 'OrderExecuted', data: { ...execution(`e${key}`, quantity), revision: 1 } }),
      ),
    },
    fc.constant((order: Order) => order.requestCancel()),
    fc
      .constantFrom('8', '12', '20')
      .map((quantity) => (order: Order) => order.requestReplace({ quantity }, { reservePrice: '101.5' })),
  );

  it('a terminal state is never left, what traded is counted once, requests end with the order', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ordStatuses), fc.array(step, { maxLength: 30 }), (start, steps) => {
        const order = orderIn(start);
        for (const act of steps) {
          const before = order.status as OrdStatus;
          const version = order.version;
          try {
            act(order);
            expect(order.version).toBe(version + 1);
          } catch (error) {
            expect(error).toBeInstanceOf(DomainError);
            expect(order.version).toBe(version);
          }
          if (isTerminal(before)) expect(order.status).toBe(before);
        }
        const history = [...historyOf[start], ...order.uncommittedEvents] as OrderEvent[];
        const { status, canceling, replacing } = history.reduce(standingAfter, undefined as OrderStanding | undefined)!;
        expect(status).toBe(order.status);
        if (canceling) expect(['pendingCancel', 'unknown']).toContain(status);
        if (replacing) expect(['pendingReplace', 'pendingCancel', 'unknown']).toContain(status);
        const again = new Order(id).replay(history);
        expect([again.status, again.filledQuantity, again.terms]).toEqual([order.status, order.filledQuantity, order.terms]);
      }),
      { numRuns: 500 },
    );
  });
});
