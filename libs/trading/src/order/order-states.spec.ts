import fc from 'fast-check';
import { DomainError } from '@tradecore/event-sourcing';
import type { OrderChange, OrderEvent } from '@tradecore/events';
import { change, changeOf, execution, historyOf, orderId, orderIn } from '../../test/order-in.ts';
import { isTerminal, Order, ordStatuses, standingAfter } from '../index.ts';
import type { OrdStatus } from '../index.ts';
import type { Transition } from './order-transitions.ts';
import { orderStates, restOf, type OrderFigures, type OrderStanding } from './order-states.ts';

const changes = Object.values(changeOf);
const transitions = Object.entries(orderStates).flatMap(([event, row]) =>
  ordStatuses.map((status) => [event as OrderEvent['type'], status, row[status] as Transition] as const),
);
const facts = transitions.filter(([event]) => event in changeOf);
const requested = transitions.filter(([event]) => !(event in changeOf));
const fill = (executionId: string, quantity: string) =>
  ({ type: 'OrderExecuted', data: { ...execution(executionId, quantity), revision: 1 } }) as const;
const typesOf = (events: readonly { readonly type: string }[]) => events.map(({ type }) => type);

/** Applies a change to an order with this status; an execution that is amended is booked first. */
function changed(status: OrdStatus, what: OrderChange) {
  const order = orderIn(status);
  if (what.type === 'OrderExecutionBusted' || what.type === 'OrderExecutionCorrected') change(order, fill('e9', '2'));
  const before = order.status as OrdStatus;
  return { order, before, event: change(order, what) };
}

describe('the table of states and events', () => {
  it('has a transition for each of 15 states and 19 events', () => {
    expect(transitions).toHaveLength(15 * 19);
    expect(transitions.every(([, , transition]) => transition !== undefined)).toBe(true);
  });

  it.each(ordStatuses)('%s is a state that an order can reach', (status) => {
    expect(orderIn(status).status).toBe(status);
  });

  it.each(facts)('%s in %s does what its transition says', (type, status) => {
    const { order, before, event } = changed(status, changeOf[type as OrderChange['type']]);
    const transition = orderStates[type][before] as Transition;
    expect(event?.type).toBe(transition.act === 'ignore' ? undefined : type);
    const after = {
      move: [transition.act === 'move' ? transition.to : ''],
      stay: [before],
      ignore: [before],
      refuse: [],
      rest: ['new', 'partiallyFilled', 'filled', 'pendingCancel', 'pendingReplace', 'doneForDay', 'suspended'],
      restProven: ['new', 'partiallyFilled', 'doneForDay', 'suspended'],
      restEnded: ['filled', 'overfilled', 'busted'],
    }[transition.act];
    expect(after).toContain(order.status);
  });

  const requests: Partial<Record<OrderEvent['type'], (order: Order) => void>> = {
    OrderPlaced: (order) => order.place({ ...order.terms!, quantity: '11' }),
    OrderApproved: (order) => order.approve({ reservePrice: '101.5' }),
    OrderDenied: (order) => order.deny({ rule: 'x', detail: 'y', figures: {} }),
    OrderCancelRequested: (order) => order.requestCancel(),
    OrderReplaceRequested: (order) => order.requestReplace({ quantity: '15' }, { reservePrice: '101.5' }),
  };

  it.each(requested)('%s in %s is granted or refused as its transition says', (event, status, transition) => {
    const isDecision = event === 'OrderApproved' || event === 'OrderDenied';
    // The order must be undecided for an approval or a denial.
    const order =
      status === 'pendingNew' && isDecision ? new Order(orderId).replay(historyOf.pendingNew.slice(0, 1)) : orderIn(status);
    const request = () => requests[event]?.(order);
    if (transition.act !== 'refuse') {
      request();
      expect(typesOf(order.uncommittedEvents)).toEqual([event]);
      expect(order.status).toBe(transition.act === 'move' ? transition.to : status);
      return;
    }
    expect(request).toThrow(expect.objectContaining({ code: transition.code }));
    expect(order.uncommittedEvents).toEqual([]);
  });
});

describe('the rules of the table', () => {
  it('no event leaves an end state, except executions of an order that has filled', () => {
    for (const [event, status, transition] of transitions.filter(([, each]) => isTerminal(each))) {
      const isFigures = event.startsWith('OrderExecut') && ['filled', 'overfilled', 'busted'].includes(status);
      expect([event, status, transition.act]).toEqual([
        event,
        status,
        isFigures ? 'restEnded' : expect.stringMatching(/stay|ignore|refuse/),
      ]);
    }
  });

  it('an execution, a bust and a correction are never ignored: they are facts in every state', () => {
    for (const [event, , transition] of transitions.filter(([each]) => each.startsWith('OrderExecut'))) {
      expect([event, transition.act]).not.toEqual([event, 'ignore']);
    }
  });

  it('only proof leaves unknown', () => {
    const exits = transitions.filter(([, status, { act }]) => status === 'unknown' && (act === 'move' || act.startsWith('rest')));
    expect(exits.map(([event]) => event).sort()).toEqual([
      'OrderAccepted',
      'OrderCanceled',
      'OrderDoneForDay',
      'OrderExecuted',
      'OrderExpired',
      'OrderRejected',
      'OrderReplaceRejected',
      'OrderReplaced',
      'OrderResumed',
      'OrderSuspended',
    ]);
  });

  it('only requests of clients and decisions of our door are refused, never the brokerage', () => {
    for (const [event, , transition] of facts) expect([event, transition.act]).not.toEqual([event, 'refuse']);
  });

  it.each<[Partial<OrderFigures> & Pick<OrderFigures, 'quantity' | 'filled'>, OrdStatus]>([
    [{ quantity: '10', filled: '0' }, 'new'],
    [{ quantity: '10', filled: '4' }, 'partiallyFilled'],
    [{ quantity: '10', filled: '10' }, 'filled'],
    [{ quantity: '10', filled: '11' }, 'overfilled'],
    [{ quantity: '10', filled: '4', canceling: true }, 'pendingCancel'],
    [{ quantity: '10', filled: '4', canceling: true, replacing: true }, 'pendingCancel'],
    [{ quantity: '10', filled: '10', canceling: true }, 'filled'],
    [{ quantity: '10', filled: '4', replacing: true }, 'pendingReplace'],
    [{ quantity: '10', filled: '10', replacing: true }, 'pendingReplace'],
    [{ quantity: '10', filled: '12', replacing: true }, 'pendingReplace'],
    [{ quantity: '10', filled: '10', canceling: true, replacing: true }, 'pendingCancel'],
    [{ quantity: '10', filled: '4', paused: 'suspended' }, 'suspended'],
    [{ quantity: '10', filled: '10', paused: 'doneForDay' }, 'filled'],
    [{ quantity: '10', filled: '0', paused: 'doneForDay', replacing: true }, 'pendingReplace'],
  ])('an order of %j rests as %s', (figures, status) => {
    expect(restOf({ canceling: false, replacing: false, paused: undefined, ...figures })).toBe(status);
  });
});

describe('an order through its life', () => {
  it('counts what traded in all revisions, what may still trade, and its value', () => {
    const order = orderIn('new');
    expect([change(order, fill('e1', '4'))?.data, change(order, fill('e2', '6'))?.data]).toMatchObject([
      { cumulativeQuantity: '4', leavesQuantity: '6', notional: '404', fee: '0.2' },
      { cumulativeQuantity: '10', leavesQuantity: '0', notional: '606', fee: '0.3' },
    ]);
    expect([order.status, order.filledQuantity]).toEqual(['filled', '10']);
  });

  it('reports what traded beyond its total', () => {
    const order = orderIn('partiallyFilled');
    expect(change(order, fill('e2', '7'))?.data).toMatchObject({
      cumulativeQuantity: '11',
      leavesQuantity: '0',
      excessQuantity: '1',
    });
    expect(order.status).toBe('overfilled');
    expect(change(order, { type: 'OrderExecutionBusted', data: { executionId: 'e2' } })?.data).toEqual({
      executionId: 'e2',
      was: { quantity: '7', price: '101', notional: '707', fee: '0.35' },
      cumulativeQuantity: '4',
      leavesQuantity: '0',
    });
    expect(order.status).toBe('filled');
  });

  it('ignores an execution that is reported twice', () => {
    expect(change(orderIn('partiallyFilled'), fill('e1', '4'))).toBeUndefined();
  });

  it('takes an execution back once, with the figures that it had', () => {
    const order = orderIn('partiallyFilled');
    expect(change(order, { type: 'OrderExecutionBusted', data: { executionId: 'e1' } })?.data).toEqual({
      executionId: 'e1',
      was: { quantity: '4', price: '101', notional: '404', fee: '0.2' },
      cumulativeQuantity: '0',
      leavesQuantity: '10',
    });
    expect(order.status).toBe('new');
    for (const executionId of ['e1', 'never']) {
      expect(change(order, { type: 'OrderExecutionBusted', data: { executionId } })).toBeUndefined();
      expect(change(order, { type: 'OrderExecutionCorrected', data: execution(executionId, '3') })).toBeUndefined();
    }
  });

  it('corrects an execution, and a correction; the same figures again change nothing', () => {
    const order = orderIn('partiallyFilled');
    const correction = (quantity: string) => ({ type: 'OrderExecutionCorrected', data: execution('e1', quantity) }) as const;
    expect(change(order, correction('3'))?.data).toMatchObject({
      was: { quantity: '4' },
      cumulativeQuantity: '3',
      notional: '303',
    });
    expect(change(order, correction('3'))).toBeUndefined();
    expect(change(order, correction('10'))?.data).toMatchObject({
      was: { quantity: '3' },
      cumulativeQuantity: '10',
      leavesQuantity: '0',
    });
    expect(order.status).toBe('filled');
    expect(change(order, correction('4'))?.data).toMatchObject({ cumulativeQuantity: '4', leavesQuantity: '0' });
    expect(order.status).toBe('filled');
  });

  it('stays paused through fills and corrections, until it is filled or resumed', () => {
    const order = orderIn('suspended');
    change(order, fill('e1', '4'));
    expect(order.status).toBe('suspended');
    change(order, changeOf.OrderResumed);
    expect(order.status).toBe('partiallyFilled');
    change(order, changeOf.OrderDoneForDay);
    change(order, { type: 'OrderExecutionCorrected', data: execution('e1', '10') });
    expect(order.status).toBe('filled');
  });

  it('shows a pause during a request once the request is answered', () => {
    const order = orderIn('pendingCancel');
    change(order, changeOf.OrderSuspended);
    expect(order.status).toBe('pendingCancel');
    change(order, changeOf.OrderCancelRejected);
    expect(order.status).toBe('suspended');
  });

  it('is worked under its new terms even if its old revision was paused', () => {
    const order = orderIn('pendingReplace');
    change(order, changeOf.OrderDoneForDay);
    change(order, changeOf.OrderReplaced);
    expect(order.status).toBe('new');
  });

  it('stays unknown while its replace is unknown, whatever the old revision does', () => {
    for (const what of [fill('e1', '4'), fill('e1', '10'), changeOf.OrderDoneForDay, changeOf.OrderSuspended]) {
      const order = orderIn('pendingReplace');
      change(order, changeOf.OrderOutcomeUnknown);
      expect(change(order, what)?.type).toBe(what.type);
      expect(order.status).toBe('unknown');
    }
  });

  it('records a late fill: the status stays, the quantity grows, nothing is left to trade', () => {
    const { order, event } = changed('canceled', changeOf.OrderExecuted);
    expect([order.status, order.filledQuantity]).toEqual(['canceled', '2']);
    expect(event?.data).toMatchObject({ leavesQuantity: '0' });
  });

  it('accepts one cancel while its outcome is unknown, and is cancelled after proof', () => {
    const order = orderIn('unknown');
    order.requestCancel();
    expect(() => order.requestCancel()).toThrow(expect.objectContaining({ code: 'cancel-already-requested' }));
    expect(order.status).toBe('unknown');
    change(order, changeOf.OrderAccepted);
    expect(order.status).toBe('pendingCancel');
  });

  it('shows a cancel that overtakes a replace, and takes the answers in any order', () => {
    const order = orderIn('pendingReplace');
    order.requestCancel();
    change(order, changeOf.OrderReplaced);
    expect([order.status, order.revision, order.terms?.quantity]).toEqual(['pendingCancel', 2, '12']);
    change(order, changeOf.OrderCancelRejected);
    expect(order.status).toBe('new');
  });

  it('returns to its replace when the cancel that overtook it is refused', () => {
    const order = orderIn('pendingReplace');
    order.requestCancel();
    change(order, changeOf.OrderCancelRejected);
    expect(order.status).toBe('pendingReplace');
  });

  it('that fills while its replace waits is filled only if the replace is refused', () => {
    const order = orderIn('pendingReplace');
    expect(change(order, fill('e1', '11'))?.data).not.toHaveProperty('excessQuantity');
    expect(order.status).toBe('pendingReplace');
    change(order, changeOf.OrderReplaceRejected);
    expect(order.status).toBe('overfilled');
  });

  it('has the new terms and their approval under its old id, and the name of the revision in a chain', () => {
    const order = new Order(orderId).replay(historyOf.new);
    order.requestReplace({ quantity: '12', limitPrice: '103' }, { reservePrice: '103', collarPrice: '110' }, 9);
    change(order, { type: 'OrderReplaced', data: { revision: 2, brokerOrderId: 'b2', quantity: '12', limitPrice: '103' } });
    expect([order.id, order.revision, order.terms]).toMatchObject([orderId, 2, { quantity: '12', limitPrice: '103' }]);
    expect(order.state?.approval).toEqual({ reservePrice: '103', collarPrice: '110' });
    expect(order.state).not.toHaveProperty('requested');
    order.requestReplace({ limitPrice: '104' }, { reservePrice: '104' });
    expect(order.uncommittedEvents.at(-1)?.data).toEqual({ revision: 3, limitPrice: '104', reservePrice: '104' });
  });

  it('never reuses a revision number, even of a refused one', () => {
    const order = orderIn('pendingReplace');
    change(order, changeOf.OrderReplaceRejected);
    order.requestReplace({ quantity: '14' }, { reservePrice: '101.5' });
    expect(order.uncommittedEvents.at(-1)?.data).toMatchObject({ revision: 3, quantity: '14' });
    expect(order.revision).toBe(1);
  });

  it('limits its revisions, including refused ones', () => {
    const order = orderIn('pendingReplace');
    change(order, changeOf.OrderReplaceRejected);
    const before = order.version;
    expect(() => order.requestReplace({ quantity: '14' }, { reservePrice: '101.5' }, undefined, 2)).toThrow(
      expect.objectContaining({ code: 'too-many-revisions', details: { orderId: order.id, revisions: 2, limit: 2 } }),
    );
    expect(order.version).toBe(before);
    order.requestReplace({ quantity: '14' }, { reservePrice: '101.5' }, undefined, 3);
    expect(order.version).toBe(before + 1);
  });

  it('placed again after a replace is compared with its original terms', () => {
    const order = orderIn('pendingReplace');
    change(order, changeOf.OrderReplaced);
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
    ['its current terms', { quantity: '10.0', limitPrice: '101.50' }, 'replace-changes-nothing'],
    ['nothing', {}, 'replace-changes-nothing'],
    ['a price that its type does not allow', { stopPrice: '100' }, 'invalid-order-terms'],
    ['a text that is not a decimal', { quantity: 'x' }, 'invalid-order-terms'],
  ])('that traded 4 of 10 cannot be replaced by %s', (_, changed, code) => {
    const order = orderIn('partiallyFilled');
    expect(() => order.termsAfter(changed)).toThrow(expect.objectContaining({ code }));
    expect(() => order.requestReplace(changed, { reservePrice: '101.5' })).toThrow(expect.objectContaining({ code }));
    expect(order.uncommittedEvents).toEqual([]);
  });

  it('is decided by the risk rules only once', () => {
    const order = orderIn('pendingNew');
    expect(() => order.approve({ reservePrice: '101.5' })).toThrow(expect.objectContaining({ code: 'order-already-decided' }));
    expect(() => order.deny({ rule: 'x', detail: 'y', figures: {} })).toThrow(
      expect.objectContaining({ code: 'order-already-decided' }),
    );
  });
});

describe('whatever happens and is requested, in any order', () => {
  type Step = (order: Order) => readonly (OrderEvent | undefined)[];
  const requests =
    (act: (order: Order) => void): Step =>
    (order) => {
      act(order);
      const events = order.uncommittedEvents;
      order.markCommitted();
      return events;
    };
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...changes).map((what): Step => (order) => [change(order, what)]) },
    {
      weight: 3,
      arbitrary: fc
        .record({ key: fc.integer({ min: 1, max: 6 }), quantity: fc.constantFrom('1', '3', '5') })
        .map(({ key, quantity }): Step => (order) => [change(order, fill(`e${key}`, quantity))]),
    },
    fc.constant(requests((order) => order.requestCancel())),
    fc
      .constantFrom('8', '12', '20')
      .map((quantity) => requests((order) => order.requestReplace({ quantity }, { reservePrice: '101.5' }))),
  );

  /** The events of the step; none if it was refused, which leaves the order unchanged. */
  function storedBy(act: Step, order: Order): readonly OrderEvent[] {
    const { version } = order;
    try {
      return act(order).filter((event) => event !== undefined);
    } catch (error) {
      expect(error).toBeInstanceOf(DomainError);
      expect(order.version).toBe(version);
      return [];
    }
  }

  function expectOrdered(order: Order): void {
    const { status, canceling, replacing, paused, requested, cancelVersion } = order.state!;
    if (canceling) expect(['pendingCancel', 'unknown']).toContain(status);
    if (replacing) expect(['pendingReplace', 'pendingCancel', 'unknown']).toContain(status);
    if (status === 'doneForDay' || status === 'suspended') expect(paused).toBe(status);
    expect([requested !== undefined, cancelVersion !== undefined]).toEqual([replacing, canceling]);
    expect(order.executions.filled).toBe(order.filledQuantity);
  }

  it('an order never leaves an end state, counts each trade once, and ends its requests with the order', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ordStatuses), fc.array(step, { maxLength: 30 }), (start, steps) => {
        const order = orderIn(start);
        let standing = historyOf[start].reduce(standingAfter, undefined as OrderStanding | undefined);
        for (const act of steps) {
          const before = order.status as OrdStatus;
          standing = storedBy(act, order).reduce(standingAfter, standing);
          expect(order.state).toMatchObject(standing as object);
          if (isTerminal(before)) expect(isTerminal(order.status as OrdStatus)).toBe(true);
          if (isTerminal(before) && before !== order.status) expect(['filled', 'overfilled', 'busted']).toContain(before);
          expectOrdered(order);
        }
      }),
      { numRuns: 500 },
    );
  });
});
