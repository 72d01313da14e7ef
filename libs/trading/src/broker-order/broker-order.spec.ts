import { given as givenAggregate } from '@tradecore/event-sourcing/testing';
import {
  BrokerCancelRejected,
  BrokerOrderAccepted,
  BrokerOrderCanceled,
  BrokerOrderDoneForDay,
  BrokerOrderExpired,
  BrokerOrderLapsed,
  BrokerOrderRejected,
  BrokerOrderReplaced,
  BrokerOrderResumed,
  BrokerOrderSuspended,
  BrokerOutcomeUnknown,
  BrokerOutcomeUnresolved,
  BrokerReplaceRejected,
  ExecutionBusted,
  ExecutionCorrected,
  ExecutionReported,
  executionIdFor,
  ForeignOrderAdopted,
  type BrokerOrderEvent,
  type Opening,
  type RevisionTerms,
} from '@tradecore/events';
import { BrokerOrder } from './broker-order.aggregate.ts';
import type { BrokerageExecution, BrokerageOrder } from './brokerage-replies.ts';
import { commandIdOf } from './interpret-reply.ts';

const terms: RevisionTerms = {
  orderId: '0190a6e0-0000-7000-8000-0000000000d1',
  revision: 1,
  accountId: '0190a6e0-0000-7000-8000-00000000acc0',
  symbol: 'ACME',
  side: 'buy',
  type: 'market',
  quantity: '10',
  timeInForce: 'day',
};
const opening: Opening = { commandId: 'submit', terms };
const replacing: Opening = { commandId: 'replace', terms: { ...terms, revision: 2, quantity: '20', replaces: 'before' } };
const of = { orderId: terms.orderId, accountId: terms.accountId, revision: 1 };
const first = { ...of, opening };
const traded = { symbol: 'ACME', side: 'buy' } as const;

const shown = (changes: Partial<BrokerageOrder> = {}): BrokerageOrder => ({
  ...{ brokerageOrderId: 'v1', clientOrderId: 'x', ...traded, status: 'working', brokerageStatus: 'new' },
  ...{ quantity: '10', filledQuantity: '0', submittedAt: '2026-01-02T03:04:05Z', ...changes },
});
const execution = (name: string, quantity: string, price = '99.5'): BrokerageExecution => ({
  ...{ executionId: executionIdFor('paper', name), brokerageExecutionId: name, brokerageOrderId: 'v1' },
  ...{ quantity, price, executedAt: '2026-01-02T03:04:06Z' },
});
const reportedAs = (name: string, quantity: string) => {
  const { brokerageOrderId: _, ...figures } = execution(name, quantity);
  return { ...traded, ...figures };
};
const accepted = new BrokerOrderAccepted({ ...first, answers: 'submit', brokerageOrderId: 'v1', found: false });
const executed = (name: string, quantity: string) => new ExecutionReported({ ...of, ...reportedAs(name, quantity) });
const unknown = new BrokerOutcomeUnknown({ ...first, attempt: 1, reason: 'ETIMEDOUT' });

const given = (...history: BrokerOrderEvent[]) => ({
  when: (decide: (order: BrokerOrder) => void) =>
    givenAggregate(BrokerOrder, ...history).when((order) => decide(order.openedBy(opening))),
});
const after = (...history: BrokerOrderEvent[]): BrokerOrder => new BrokerOrder('x').replay(history).openedBy(opening);

describe('the first event of a BrokerOrder, of any type', () => {
  const canceled = { ...first, answers: 'cancel', atBrokerage: false, filledQuantity: '0' };
  it.each<[string, (order: BrokerOrder) => void, BrokerOrderEvent]>([
    ['accepted', (order) => order.accept(shown(), { found: false }), accepted],
    [
      'refused',
      (order) => order.refuse('403', 'no power'),
      new BrokerOrderRejected({ ...first, answers: 'submit', code: '403', reason: 'no power' }),
    ],
    [
      'lapsed',
      (order) => order.lapse('trading-halted'),
      new BrokerOrderLapsed({ ...first, answers: 'submit', reason: 'trading-halted' }),
    ],
    ['withdrawn', (order) => order.withdraw('cancel'), new BrokerOrderCanceled(canceled)],
    ['unknown', (order) => order.outcomeUnknown(1, 'ETIMEDOUT'), unknown],
    ['traded', (order) => order.report(execution('e1', '4')), new ExecutionReported({ ...first, ...reportedAs('e1', '4') })],
  ])('carries the step that requested it: %s', (_, decide, event) => given().when(decide).then(event));

  it('is required for later ones: they carry its order, and no step', () =>
    given(accepted)
      .when((order) => order.report(execution('e1', '4')))
      .then(executed('e1', '4')));
});

describe('proof that the brokerage has it', () => {
  it('is recorded once, and answers the step once', () =>
    given()
      .when((order) => {
        order.accept(shown(), { found: false });
        order.accept(shown(), { found: true });
        order.refuse('422', 'late');
        order.lapse('collar', '120');
        order.withdraw('cancel');
        order.outcomeUnknown(1, 'late');
      })
      .then(accepted));

  it('ends an unknown outcome, which is recorded once, and once more when the budget is spent', () =>
    given()
      .when((order) => {
        order.outcomeUnknown(1, 'ETIMEDOUT');
        order.outcomeUnknown(2, 'ETIMEDOUT');
        order.unresolved(10, 'ETIMEDOUT');
        order.unresolved(11, 'ETIMEDOUT');
        order.accept(shown(), { found: true });
      })
      .then(
        unknown,
        new BrokerOutcomeUnresolved({ ...of, attempts: 10, reason: 'ETIMEDOUT' }),
        new BrokerOrderAccepted({ ...of, answers: 'submit', brokerageOrderId: 'v1', found: true }),
      ));

  it('makes a revision that was given up work, to be cancelled there; the step keeps its first answer', () => {
    const lapsed = new BrokerOrderLapsed({ ...first, answers: 'submit', reason: 'time-in-force' });
    given(lapsed)
      .when((order) => order.accept(shown(), { found: false }))
      .then(new BrokerOrderAccepted({ ...of, brokerageOrderId: 'v1', found: false }));
    const order = after(lapsed);
    order.accept(shown(), { found: false });
    expect([order.progress, order.mustCancel]).toEqual(['working', true]);
  });
});

describe('executions', () => {
  it('are recorded once each, in any order, even after the end', () =>
    given(accepted, new BrokerOrderCanceled({ ...of, atBrokerage: true, filledQuantity: '0' }))
      .when((order) => ['e2', 'e1', 'e2'].forEach((name) => order.report(execution(name, '3'))))
      .then(executed('e2', '3'), executed('e1', '3')));

  it('fill the order once the brokerage is known to have it', () => {
    const order = after(new ExecutionReported({ ...first, ...reportedAs('e1', '10') }));
    expect(order.progress).toBe('none');
    order.accept(shown(), { found: false });
    expect([order.progress, order.filledQuantity]).toEqual(['filled', '10']);
  });

  it('can be taken back or corrected once, if they are known', () =>
    given(accepted, executed('e1', '4'), executed('e2', '1'))
      .when((order) => {
        order.bust(execution('e1', '4'), 'b1');
        order.bust(execution('e1', '4'), 'b1');
        order.bust(execution('unheard', '1'), 'b2');
        order.correct(execution('e2', '1'), execution('c1', '2'));
        order.correct(execution('e2', '1'), execution('c1', '2'));
        expect(order.filledQuantity).toBe('2');
      })
      .then(
        new ExecutionBusted({ ...of, ...traded, executionId: executionIdFor('paper', 'e1'), brokerageExecutionId: 'b1' }),
        new ExecutionCorrected({ ...of, ...reportedAs('c1', '2'), executionId: executionIdFor('paper', 'e2') }),
      ));

  it('are known by every id that the brokerage gave them: a correction of a correction names the previous report', () => {
    const order = after(accepted, executed('e1', '4'));
    order.correct(execution('e1', '4'), execution('c1', '4', '98'));
    order.correct(execution('c1', '4'), execution('c2', '4', '97'));
    order.report(execution('c1', '4'));
    expect(order.standingExecutions).toMatchObject([{ executionId: executionIdFor('paper', 'e1'), quantity: '4', price: '97' }]);
    expect(order.hasReport('c2')).toBe(true);
  });
});

describe('the end at the brokerage', () => {
  it.each<[string, (order: BrokerOrder) => void, BrokerOrderEvent]>([
    [
      'canceled by a step',
      (order) => order.canceled('cancel'),
      new BrokerOrderCanceled({ ...of, answers: 'cancel', atBrokerage: true, filledQuantity: '0' }),
    ],
    [
      'canceled',
      (order) => order.canceled(undefined),
      new BrokerOrderCanceled({ ...of, atBrokerage: true, filledQuantity: '0' }),
    ],
    ['expired', (order) => order.expired(), new BrokerOrderExpired({ ...of, filledQuantity: '0' })],
    ['rejected', (order) => order.rejected('no'), new BrokerOrderRejected({ ...of, code: 'rejected', reason: 'no' })],
    ['replaced', (order) => order.replacedBy('next'), new BrokerOrderReplaced({ ...of, by: 'next', filledQuantity: '0' })],
  ])('is recorded once: %s', (_, decide, event) =>
    given(accepted)
      .when((order) => {
        decide(order);
        decide(order);
        order.paused('suspended');
      })
      .then(event),
  );

  it('refuses a late cancel, once for each step', () =>
    given(accepted, executed('e1', '10'))
      .when((order) => {
        order.rejectCancel('cancel', 'it is filled');
        order.rejectCancel('cancel', 'it is filled');
      })
      .then(new BrokerCancelRejected({ ...of, answers: 'cancel', reason: 'it is filled' })));
});

describe('a pause', () => {
  it('can end', () =>
    given(accepted)
      .when((order) => {
        order.resumed();
        order.paused('suspended');
        order.paused('suspended');
        order.paused('doneForDay');
        order.resumed();
        order.resumed();
      })
      .then(new BrokerOrderSuspended(of), new BrokerOrderDoneForDay(of), new BrokerOrderResumed(of)));

  it('does not count if only our books had it as filled: the brokerage still works it', () => {
    const order = after(accepted, executed('e1', '5'), executed('e2', '5'));
    order.bust(execution('e1', '5'), 'b1');
    order.resumed();
    expect([order.progress, order.filledQuantity]).toEqual(['working', '5']);
  });
});

describe('a replacement', () => {
  const replacement = () => new BrokerOrder('y').openedBy(replacing);

  it('is filled by carried and own executions, as the brokerage counts', () => {
    const order = replacement();
    order.accept(shown(), { found: false, carriedQuantity: '15' });
    expect([order.filledQuantity, order.lacks(shown({ filledQuantity: '15' }))]).toEqual(['15', false]);
    order.report(execution('e1', '5'));
    expect(order.progress).toBe('filled');
  });

  it('that counts from zero lacks what the brokerage counts for it alone', () => {
    const order = replacement();
    order.accept(shown({ quantity: '5' }), { found: false, carriedQuantity: '15', countsFromZero: true });
    expect([order.lacks(shown({ filledQuantity: '1' })), order.exceeds(shown())]).toEqual([true, false]);
    order.report(execution('e1', '5'));
    expect([order.progress, order.filledQuantity]).toEqual(['filled', '20']);
  });

  it.each<[string, (order: BrokerOrder) => void, string]>([
    ['refused', (order) => order.refuse('422', 'no'), 'no'],
    ['too late', (order) => order.lapse('time-in-force'), 'lapsed: time-in-force'],
    ['not wanted', (order) => order.withdraw('cancel'), 'canceled before it was sent'],
  ])('that is %s records it itself', (_, decide, reason) => {
    const order = replacement();
    decide(order);
    expect(order.uncommittedEvents).toMatchObject([{ type: BrokerReplaceRejected.type, data: { answers: 'replace', reason } }]);
  });
});

it('a foreign order is adopted once, then ignored', () =>
  givenAggregate(BrokerOrder)
    .when((order) => {
      order.adopt(shown({ clientOrderId: 'theirs' }));
      order.adopt(shown({ clientOrderId: 'theirs' }));
      order.accept(shown(), { found: false });
      order.report(execution('e1', '1'));
      order.canceled(undefined);
    })
    .then(
      new ForeignOrderAdopted({
        ...{ brokerageOrderId: 'v1', clientOrderId: 'theirs', symbol: 'ACME', side: 'buy' },
        ...{ quantity: '10', filledQuantity: '0', status: 'new' },
      }),
    ));

describe('the name of a save', () => {
  it('is the same for the same report from any source, and differs for another', () => {
    const names = ['e1', 'e1', 'e2'].map((name) => {
      const order = after(accepted);
      order.report(execution(name, '1'));
      return commandIdOf([order]);
    });
    expect(names[0]).toBe(names[1]);
    expect(names[0]).not.toBe(names[2]);
  });

  it('derives from the step that it answers, in any version', () => {
    const names = [[accepted], [accepted, executed('e1', '1')]].map((history) => {
      const order = after(...history);
      order.canceled('cancel');
      return commandIdOf([order]);
    });
    expect(names[0]).toBe(names[1]);
  });
});
