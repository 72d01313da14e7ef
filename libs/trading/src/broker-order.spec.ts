import fc from 'fast-check';
import { given } from '@tradecore/event-sourcing/testing';
import {
  BrokerCancelRejected,
  BrokerOrderAccepted,
  BrokerOrderCanceled,
  BrokerOrderDoneForDay,
  BrokerOrderExpired,
  BrokerOrderLapsed,
  BrokerOrderRejected,
  BrokerOrderReplaced,
  BrokerOrderSuspended,
  BrokerOrderUnchanged,
  BrokerOutcomeUnknown,
  BrokerOutcomeUnresolved,
  BrokerReplaceRejected,
  CancellationRequested,
  executionIdFor,
  ExecutionBusted,
  ExecutionCorrected,
  ExecutionReported,
  ForeignOrderAdopted,
  ReplacementRequested,
  SubmissionRequested,
  type BrokerOrderEvent,
  type LegTerms,
} from '@tradecore/events';
import { add, compare, decimal, zero } from '@tradecore/money';
import { BrokerOrder, venueStatuses, type VenueExecution, type VenueOrder } from './index.ts';

const terms: LegTerms = {
  orderId: '0190a6e0-0000-7000-8000-0000000000d1',
  leg: 1,
  accountId: '0190a6e0-0000-7000-8000-00000000acc0',
  symbol: 'ACME',
  side: 'buy',
  type: 'limit',
  quantity: '10',
  limitPrice: '100',
  timeInForce: 'day',
};
const next = { ...terms, leg: 2, quantity: '20', replaces: '0190a6e0-0000-7000-8000-000000000b01' };
const shown = (changes: Partial<VenueOrder> = {}): VenueOrder => ({
  venueOrderId: 'v1',
  clientOrderId: 'c1',
  symbol: 'ACME',
  side: 'buy',
  status: 'working',
  venueStatus: 'new',
  quantity: '10',
  filledQuantity: '0',
  submittedAt: '2026-01-02T03:04:05Z',
  ...changes,
});
const traded = (name: string, quantity: string): VenueExecution => ({
  executionId: executionIdFor('paper', name),
  venueExecutionId: name,
  venueOrderId: 'v1',
  quantity,
  price: '99.5',
  executedAt: '2026-01-02T03:04:06Z',
});
const ofOrder = { orderId: terms.orderId, leg: 1, symbol: 'ACME', side: 'buy' } as const;
const reported = (name: string, quantity: string) => {
  const { venueOrderId: _, ...execution } = traded(name, quantity);
  return new ExecutionReported({ ...execution, ...ofOrder });
};
const asked = new SubmissionRequested(terms);
const accepted = new BrokerOrderAccepted({ venueOrderId: 'v1', found: false });
const unknown = new BrokerOutcomeUnknown({ attempt: 1, reason: 'ETIMEDOUT' });
const cancelAsked = new CancellationRequested({});

describe('a leg that is asked for', () => {
  it('is stored as the intent to send it', () =>
    given(BrokerOrder)
      .when((leg) => leg.submit(terms))
      .then(asked));

  it('again under another command is answered all the same', () =>
    given(BrokerOrder, asked)
      .when((leg) => leg.submit(terms))
      .then(new BrokerOrderUnchanged({ about: 'SubmissionAsked', reason: 'it is asked' })));

  it('and shown by the broker is accepted, once', () =>
    given(BrokerOrder, asked)
      .when((leg) => {
        leg.learn(shown());
        leg.learn(shown());
      })
      .then(accepted));

  it('and refused is rejected', () =>
    given(BrokerOrder, asked)
      .when((leg) => leg.refuse('40310000', 'insufficient buying power'))
      .then(new BrokerOrderRejected({ code: '40310000', reason: 'insufficient buying power' })));

  it('and taken, then rejected, stays rejected when the answer that it was taken comes late', () =>
    given(BrokerOrder, asked)
      .when((leg) => {
        leg.learn(shown({ status: 'rejected', venueStatus: 'rejected' }));
        leg.learn(shown());
      })
      .then(accepted, new BrokerOrderRejected({ code: 'rejected', reason: 'the broker says rejected' })));

  it('is not refused any more once the broker has it', () =>
    given(BrokerOrder, asked, accepted)
      .when((leg) => leg.refuse('42210000', 'late'))
      .then());

  it('lapses, or is withdrawn, only before the broker has it', () => {
    given(BrokerOrder, asked)
      .when((leg) => leg.lapse('collar', '120'))
      .then(new BrokerOrderLapsed({ reason: 'collar', lastPrice: '120' }));
    given(BrokerOrder, asked, cancelAsked)
      .when((leg) => leg.withdraw())
      .then(new BrokerOrderCanceled({ atBroker: false, filledQuantity: '0' }));
    given(BrokerOrder, asked, accepted)
      .when((leg) => {
        leg.lapse('time-in-force');
        leg.withdraw();
      })
      .then();
  });
});

describe('an unknown outcome', () => {
  it('is told once, and once more when the budget is spent', () =>
    given(BrokerOrder, asked)
      .when((leg) => {
        leg.outcomeUnknown(1, 'ETIMEDOUT');
        leg.outcomeUnknown(2, 'ETIMEDOUT');
        leg.unresolved(10, 'ETIMEDOUT');
        leg.unresolved(11, 'ETIMEDOUT');
      })
      .then(unknown, new BrokerOutcomeUnresolved({ attempts: 10, reason: 'ETIMEDOUT' })));

  it('ends with the proof that the broker has it', () =>
    given(BrokerOrder, asked, unknown, new BrokerOutcomeUnresolved({ attempts: 10, reason: 'x' }))
      .when((leg) => leg.learn(shown(), { found: true }))
      .then(new BrokerOrderAccepted({ venueOrderId: 'v1', found: true })));

  it('is none where the stream has told of the order before', () =>
    given(BrokerOrder, asked, accepted)
      .when((leg) => leg.outcomeUnknown(1, 'ETIMEDOUT'))
      .then());

  it('of what was given up and is there after all: it is worked, and wants to be cancelled', () => {
    const leg = new BrokerOrder('x').replay([asked, new BrokerOrderLapsed({ reason: 'time-in-force' })]);
    leg.learn(shown());
    expect([leg.progress, leg.cancelRequested]).toEqual(['working', true]);
    leg.report(traded('e1', '10'));
    expect(leg.progress).toBe('filled');
  });
});

describe('executions', () => {
  it('are reported once each, whatever order they come in', () =>
    given(BrokerOrder, asked, accepted)
      .when((leg) => ['e2', 'e1', 'e2'].forEach((name) => leg.report(traded(name, '3'))))
      .then(reported('e2', '3'), reported('e1', '3')));

  it('fill the leg', () => {
    const leg = new BrokerOrder('x').replay([asked, accepted, reported('e1', '4'), reported('e2', '6')]);
    expect([leg.progress, leg.filledQuantity]).toEqual(['filled', '10']);
  });

  it('before the answer fill it when the broker is known to have it', () => {
    const leg = new BrokerOrder('x').replay([asked, reported('e1', '10')]);
    expect(leg.progress).toBe('asked');
    leg.learn(shown({ status: 'filled', venueStatus: 'filled', filledQuantity: '10' }));
    expect(leg.progress).toBe('filled');
  });

  it('after the end are facts', () =>
    given(BrokerOrder, asked, accepted, new BrokerOrderCanceled({ atBroker: true, filledQuantity: '0' }))
      .when((leg) => leg.report(traded('late', '2')))
      .then(reported('late', '2')));

  it('may be taken back or corrected, if they are known', () =>
    given(BrokerOrder, asked, accepted, reported('e1', '4'), reported('e2', '1'))
      .when((leg) => {
        leg.bust(traded('e1', '4').executionId);
        leg.bust(traded('e1', '4').executionId);
        leg.bust('unheard');
        const { venueExecutionId: _, venueOrderId: __, ...figures } = traded('e2', '2');
        leg.correct(figures);
        leg.correct({ ...figures, executionId: 'unheard' });
        expect(leg.filledQuantity).toBe('2');
      })
      .then(
        new ExecutionBusted({ executionId: traded('e1', '4').executionId, ...ofOrder }),
        new ExecutionCorrected({
          executionId: traded('e2', '2').executionId,
          quantity: '2',
          price: '99.5',
          executedAt: '2026-01-02T03:04:06Z',
          ...ofOrder,
        }),
      ));
});

describe('the end at the broker', () => {
  it('counts only when every execution that the broker counts is known', () => {
    const ended = shown({ status: 'canceled', venueStatus: 'canceled', filledQuantity: '4' });
    const canceled = new BrokerOrderCanceled({ atBroker: true, filledQuantity: '4' });
    given(BrokerOrder, asked, accepted)
      .when((leg) => {
        leg.learn(ended);
        expect(leg.lacks(ended)).toBe(true);
      })
      .then();
    given(BrokerOrder, asked, accepted, reported('e1', '4'))
      .when((leg) => leg.learn(ended))
      .then(canceled);
    given(BrokerOrder, asked, accepted, reported('e1', '4'), canceled)
      .when((leg) => {
        leg.learn(ended);
        leg.learn(shown()); // an older word, late
      })
      .then();
  });

  it.each([
    ['expired', new BrokerOrderExpired({ filledQuantity: '0' })],
    ['rejected', new BrokerOrderRejected({ code: 'rejected', reason: 'the broker says rejected' })],
    ['doneForDay', new BrokerOrderDoneForDay({})],
    ['suspended', new BrokerOrderSuspended({})],
  ] as const)('is told: %s', (status, event) =>
    given(BrokerOrder, asked, accepted)
      .when((leg) => {
        leg.learn(shown({ status, venueStatus: status }));
        leg.learn(shown({ status, venueStatus: status }));
      })
      .then(event),
  );
});

describe('a cancel', () => {
  it('is an intent while the leg is open, asked twice or not', () => {
    given(BrokerOrder, asked)
      .when((leg) => leg.cancel())
      .then(cancelAsked);
    given(BrokerOrder, asked, cancelAsked)
      .when((leg) => leg.cancel())
      .then(new BrokerOrderUnchanged({ about: 'CancellationAsked', reason: 'it is asked' }));
  });

  it('of what has ended is refused', () =>
    given(BrokerOrder, asked, accepted, reported('e1', '10'))
      .when((leg) => leg.cancel())
      .then(new BrokerCancelRejected({ reason: 'it is filled' })));

  it('of what was never asked ends it before it begins', () =>
    given(BrokerOrder)
      .when((leg) => leg.cancel())
      .then(cancelAsked, new BrokerOrderCanceled({ atBroker: false, filledQuantity: '0' })));

  it('that the broker refuses may be asked again', () =>
    given(BrokerOrder, asked, accepted, cancelAsked)
      .when((leg) => {
        leg.rejectCancel('too late');
        leg.rejectCancel('too late');
        leg.cancel();
      })
      .then(new BrokerCancelRejected({ reason: 'too late' }), cancelAsked));
});

describe('a replacement', () => {
  const replacing = new ReplacementRequested(next);

  it('is an intent', () =>
    given(BrokerOrder)
      .when((leg) => leg.replace(next))
      .then(replacing));

  it('is accepted with what it carries over, not before that is known', () => {
    given(BrokerOrder, replacing)
      .when((leg) => leg.learn(shown({ filledQuantity: '4' })))
      .then();
    given(BrokerOrder, replacing)
      .when((leg) => {
        leg.learn(shown({ filledQuantity: '4' }), { carried: '4' });
        expect([leg.progress, leg.filledQuantity, leg.lacks(shown({ filledQuantity: '4' }))]).toEqual(['working', '4', false]);
      })
      .then(new BrokerOrderAccepted({ venueOrderId: 'v1', found: false, carriedQuantity: '4' }));
  });

  it('is filled by what it carries and what it trades', () => {
    const carrying = new BrokerOrderAccepted({ venueOrderId: 'v1', found: false, carriedQuantity: '15' });
    const leg = new BrokerOrder('x').replay([replacing, carrying]);
    leg.report(traded('e1', '5'));
    expect(leg.progress).toBe('filled');
  });

  it.each([
    ['refused', (leg: BrokerOrder) => leg.refuse('422', 'no'), 'no'],
    ['too late', (leg: BrokerOrder) => leg.lapse('time-in-force'), 'lapsed: time-in-force'],
    ['not wanted', (leg: BrokerOrder) => leg.withdraw(), 'canceled before it was sent'],
  ])('that is %s says so itself', (_, decide, reason) =>
    given(BrokerOrder, replacing).when(decide).then(new BrokerReplaceRejected({ reason })),
  );

  it('ends the leg before it, when all that one traded is known', () => {
    const old = shown({ status: 'replaced', venueStatus: 'replaced', filledQuantity: '4' });
    given(BrokerOrder, asked, accepted)
      .when((leg) => leg.replacedBy('next', old))
      .then();
    given(BrokerOrder, asked, accepted, reported('e1', '4'))
      .when((leg) => leg.replacedBy('next', old))
      .then(new BrokerOrderReplaced({ by: 'next', filledQuantity: '4' }));
  });
});

describe('an order that is not ours', () => {
  it('is taken up once, and then left alone', () =>
    given(BrokerOrder)
      .when((leg) => {
        leg.adopt(shown({ clientOrderId: 'theirs' }));
        leg.adopt(shown({ clientOrderId: 'theirs' }));
        leg.learn(shown({ status: 'canceled', venueStatus: 'canceled' }));
        leg.report(traded('e1', '1'));
      })
      .then(
        new ForeignOrderAdopted({
          venueOrderId: 'v1',
          clientOrderId: 'theirs',
          symbol: 'ACME',
          side: 'buy',
          quantity: '10',
          filledQuantity: '0',
          status: 'new',
        }),
      ));
});

describe('whatever is reported, in whatever order and however often', () => {
  const parts = ['1', '2', '3', '4'] as const; // ten shares
  const names = parts.map((quantity) => `e${quantity}`);
  const end = fc.constantFrom(...venueStatuses.filter((status) => status !== 'replaced' && status !== 'filled'));
  const word = fc.oneof(
    ...parts.map((quantity, index) => fc.constant((leg: BrokerOrder) => leg.report(traded(names[index] as string, quantity)))),
    fc
      .record({ status: end, filled: fc.constantFrom('0', '1', '3', '6', '10') })
      .map(({ status, filled }) => (leg: BrokerOrder) => {
        leg.learn(shown({ status, venueStatus: status, filledQuantity: filled }));
      }),
    fc.constant((leg: BrokerOrder) => leg.cancel()),
    fc.constant((leg: BrokerOrder) => leg.rejectCancel('no')),
    fc.constant((leg: BrokerOrder) => leg.outcomeUnknown(1, 'x')),
    fc.constant((leg: BrokerOrder) => leg.unresolved(1, 'x')),
    fc.constant((leg: BrokerOrder) => leg.refuse('x', 'x')),
    fc.constant((leg: BrokerOrder) => leg.lapse('collar', '1')),
    fc.constant((leg: BrokerOrder) => leg.withdraw()),
  );
  const ends = new Set(['BrokerOrderCanceled', 'BrokerOrderExpired', 'BrokerOrderRejected', 'BrokerOrderLapsed']);

  it('each execution stands once, the quantity is their sum, and the broker ends it once', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        const leg = new BrokerOrder('x').replay([asked]);
        for (const say of words) say(leg);
        const events = leg.uncommittedEvents;
        const executions = events.filter((event) => event instanceof ExecutionReported);
        const ids = executions.map(({ data }) => data.executionId);
        expect(new Set(ids).size).toBe(ids.length);
        expect(leg.filledQuantity).toBe(executions.reduce((sum, { data }) => add(sum, decimal(data.quantity)), zero));
        const atBroker = events.filter((each: BrokerOrderEvent) => ends.has(each.type));
        // Given up, found at the broker after all, ended there: twice at most.
        expect(atBroker.length).toBeLessThanOrEqual(2);
        expect(events.filter(({ type }) => type === 'BrokerOrderAccepted').length).toBeLessThanOrEqual(1);
        const replayed = new BrokerOrder('x').replay([asked, ...events]);
        expect([replayed.progress, replayed.filledQuantity]).toEqual([leg.progress, leg.filledQuantity]);
      }),
    );
  });

  it('all told in the end, it stands as the broker says', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(parts.map((_, n) => n)), fc.array(word, { maxLength: 10 }), (order, words) => {
        const leg = new BrokerOrder('x').replay([asked]);
        leg.learn(shown());
        for (const say of words) say(leg);
        for (const n of order) leg.report(traded(names[n] as string, parts[n] as string));
        const filled = leg.filledQuantity;
        leg.learn(shown({ status: 'canceled', venueStatus: 'canceled', filledQuantity: filled }));
        expect(leg.isOpen).toBe(false);
        if (compare(decimal(filled), decimal('10')) === 0)
          expect(['filled', 'canceled', 'expired', 'rejected']).toContain(leg.progress);
      }),
    );
  });
});
