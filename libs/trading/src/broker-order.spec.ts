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
  type RevisionTerms,
} from '@tradecore/events';
import { add, compare, decimal, zero } from '@tradecore/money';
import { BrokerOrder, brokerageStatuses, type BrokerageExecution, type BrokerageOrder } from './index.ts';

const terms: RevisionTerms = {
  orderId: '0190a6e0-0000-7000-8000-0000000000d1',
  revision: 1,
  accountId: '0190a6e0-0000-7000-8000-00000000acc0',
  symbol: 'ACME',
  side: 'buy',
  type: 'limit',
  quantity: '10',
  limitPrice: '100',
  timeInForce: 'day',
};
const next = { ...terms, revision: 2, quantity: '20', replaces: '0190a6e0-0000-7000-8000-000000000b01' };
const shown = (changes: Partial<BrokerageOrder> = {}): BrokerageOrder => ({
  brokerageOrderId: 'v1',
  clientOrderId: 'c1',
  symbol: 'ACME',
  side: 'buy',
  status: 'working',
  brokerageStatus: 'new',
  quantity: '10',
  filledQuantity: '0',
  submittedAt: '2026-01-02T03:04:05Z',
  ...changes,
});
const traded = (name: string, quantity: string): BrokerageExecution => ({
  executionId: executionIdFor('paper', name),
  brokerageExecutionId: name,
  brokerageOrderId: 'v1',
  quantity,
  price: '99.5',
  executedAt: '2026-01-02T03:04:06Z',
});
const ofOrder = { orderId: terms.orderId, revision: 1, symbol: 'ACME', side: 'buy' } as const;
const reported = (name: string, quantity: string) => {
  const { brokerageOrderId: _, ...execution } = traded(name, quantity);
  return new ExecutionReported({ ...execution, ...ofOrder });
};
const asked = new SubmissionRequested(terms);
const accepted = new BrokerOrderAccepted({ brokerageOrderId: 'v1', found: false });
const unknown = new BrokerOutcomeUnknown({ attempt: 1, reason: 'ETIMEDOUT' });
const cancelAsked = new CancellationRequested({});

describe('a revision that is asked for', () => {
  it('is stored as the intent to send it', () =>
    given(BrokerOrder)
      .when((revision) => revision.submit(terms))
      .then(asked));

  it('again under another command is answered all the same', () =>
    given(BrokerOrder, asked)
      .when((revision) => revision.submit(terms))
      .then(new BrokerOrderUnchanged({ about: 'SubmissionAsked', reason: 'it is asked' })));

  it('and shown by the broker is accepted, once', () =>
    given(BrokerOrder, asked)
      .when((revision) => {
        revision.learn(shown());
        revision.learn(shown());
      })
      .then(accepted));

  it('and refused is rejected', () =>
    given(BrokerOrder, asked)
      .when((revision) => revision.refuse('40310000', 'insufficient buying power'))
      .then(new BrokerOrderRejected({ code: '40310000', reason: 'insufficient buying power' })));

  it('and taken, then rejected, stays rejected when the answer that it was taken comes late', () =>
    given(BrokerOrder, asked)
      .when((revision) => {
        revision.learn(shown({ status: 'rejected', brokerageStatus: 'rejected' }));
        revision.learn(shown());
      })
      .then(accepted, new BrokerOrderRejected({ code: 'rejected', reason: 'the broker says rejected' })));

  it('is not refused any more once the broker has it', () =>
    given(BrokerOrder, asked, accepted)
      .when((revision) => revision.refuse('42210000', 'late'))
      .then());

  it('lapses, or is withdrawn, only before the broker has it', () => {
    given(BrokerOrder, asked)
      .when((revision) => revision.lapse('collar', '120'))
      .then(new BrokerOrderLapsed({ reason: 'collar', lastPrice: '120' }));
    given(BrokerOrder, asked, cancelAsked)
      .when((revision) => revision.withdraw())
      .then(new BrokerOrderCanceled({ atBroker: false, filledQuantity: '0' }));
    given(BrokerOrder, asked, accepted)
      .when((revision) => {
        revision.lapse('time-in-force');
        revision.withdraw();
      })
      .then();
  });
});

describe('an unknown outcome', () => {
  it('is told once, and once more when the budget is spent', () =>
    given(BrokerOrder, asked)
      .when((revision) => {
        revision.outcomeUnknown(1, 'ETIMEDOUT');
        revision.outcomeUnknown(2, 'ETIMEDOUT');
        revision.unresolved(10, 'ETIMEDOUT');
        revision.unresolved(11, 'ETIMEDOUT');
      })
      .then(unknown, new BrokerOutcomeUnresolved({ attempts: 10, reason: 'ETIMEDOUT' })));

  it('ends with the proof that the broker has it', () =>
    given(BrokerOrder, asked, unknown, new BrokerOutcomeUnresolved({ attempts: 10, reason: 'x' }))
      .when((revision) => revision.learn(shown(), { found: true }))
      .then(new BrokerOrderAccepted({ brokerageOrderId: 'v1', found: true })));

  it('is none where the stream has told of the order before', () =>
    given(BrokerOrder, asked, accepted)
      .when((revision) => revision.outcomeUnknown(1, 'ETIMEDOUT'))
      .then());

  it('of what was given up and is there after all: it is worked, and wants to be cancelled', () => {
    const revision = new BrokerOrder('x').replay([asked, new BrokerOrderLapsed({ reason: 'time-in-force' })]);
    revision.learn(shown());
    expect([revision.progress, revision.cancelRequested]).toEqual(['working', true]);
    revision.report(traded('e1', '10'));
    expect(revision.progress).toBe('filled');
  });
});

describe('executions', () => {
  it('are reported once each, whatever order they come in', () =>
    given(BrokerOrder, asked, accepted)
      .when((revision) => ['e2', 'e1', 'e2'].forEach((name) => revision.report(traded(name, '3'))))
      .then(reported('e2', '3'), reported('e1', '3')));

  it('fill the revision', () => {
    const revision = new BrokerOrder('x').replay([asked, accepted, reported('e1', '4'), reported('e2', '6')]);
    expect([revision.progress, revision.filledQuantity]).toEqual(['filled', '10']);
  });

  it('before the answer fill it when the broker is known to have it', () => {
    const revision = new BrokerOrder('x').replay([asked, reported('e1', '10')]);
    expect(revision.progress).toBe('asked');
    revision.learn(shown({ status: 'filled', brokerageStatus: 'filled', filledQuantity: '10' }));
    expect(revision.progress).toBe('filled');
  });

  it('after the end are facts', () =>
    given(BrokerOrder, asked, accepted, new BrokerOrderCanceled({ atBroker: true, filledQuantity: '0' }))
      .when((revision) => revision.report(traded('late', '2')))
      .then(reported('late', '2')));

  it('may be taken back or corrected, if they are known', () =>
    given(BrokerOrder, asked, accepted, reported('e1', '4'), reported('e2', '1'))
      .when((revision) => {
        revision.bust(traded('e1', '4').executionId);
        revision.bust(traded('e1', '4').executionId);
        revision.bust('unheard');
        const { brokerageExecutionId: _, brokerageOrderId: __, ...figures } = traded('e2', '2');
        revision.correct(figures);
        revision.correct({ ...figures, executionId: 'unheard' });
        expect(revision.filledQuantity).toBe('2');
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
    const ended = shown({ status: 'canceled', brokerageStatus: 'canceled', filledQuantity: '4' });
    const canceled = new BrokerOrderCanceled({ atBroker: true, filledQuantity: '4' });
    given(BrokerOrder, asked, accepted)
      .when((revision) => {
        revision.learn(ended);
        expect(revision.lacks(ended)).toBe(true);
      })
      .then();
    given(BrokerOrder, asked, accepted, reported('e1', '4'))
      .when((revision) => revision.learn(ended))
      .then(canceled);
    given(BrokerOrder, asked, accepted, reported('e1', '4'), canceled)
      .when((revision) => {
        revision.learn(ended);
        revision.learn(shown()); // an older word, late
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
      .when((revision) => {
        revision.learn(shown({ status, brokerageStatus: status }));
        revision.learn(shown({ status, brokerageStatus: status }));
      })
      .then(event),
  );
});

describe('a cancel', () => {
  it('is an intent while the revision is open, asked twice or not', () => {
    given(BrokerOrder, asked)
      .when((revision) => revision.cancel())
      .then(cancelAsked);
    given(BrokerOrder, asked, cancelAsked)
      .when((revision) => revision.cancel())
      .then(new BrokerOrderUnchanged({ about: 'CancellationAsked', reason: 'it is asked' }));
  });

  it('of what has ended is refused', () =>
    given(BrokerOrder, asked, accepted, reported('e1', '10'))
      .when((revision) => revision.cancel())
      .then(new BrokerCancelRejected({ reason: 'it is filled' })));

  it('of what was never asked ends it before it begins', () =>
    given(BrokerOrder)
      .when((revision) => revision.cancel())
      .then(cancelAsked, new BrokerOrderCanceled({ atBroker: false, filledQuantity: '0' })));

  it('that the broker refuses may be asked again', () =>
    given(BrokerOrder, asked, accepted, cancelAsked)
      .when((revision) => {
        revision.rejectCancel('too late');
        revision.rejectCancel('too late');
        revision.cancel();
      })
      .then(new BrokerCancelRejected({ reason: 'too late' }), cancelAsked));
});

describe('a replacement', () => {
  const replacing = new ReplacementRequested(next);

  it('is an intent', () =>
    given(BrokerOrder)
      .when((revision) => revision.replace(next))
      .then(replacing));

  it('is accepted with what it carries over, not before that is known', () => {
    given(BrokerOrder, replacing)
      .when((revision) => revision.learn(shown({ filledQuantity: '4' })))
      .then();
    given(BrokerOrder, replacing)
      .when((revision) => {
        revision.learn(shown({ filledQuantity: '4' }), { carried: '4' });
        expect([revision.progress, revision.filledQuantity, revision.lacks(shown({ filledQuantity: '4' }))]).toEqual([
          'working',
          '4',
          false,
        ]);
      })
      .then(new BrokerOrderAccepted({ brokerageOrderId: 'v1', found: false, carriedQuantity: '4' }));
  });

  it('is filled by what it carries and what it trades', () => {
    const carrying = new BrokerOrderAccepted({ brokerageOrderId: 'v1', found: false, carriedQuantity: '15' });
    const revision = new BrokerOrder('x').replay([replacing, carrying]);
    revision.report(traded('e1', '5'));
    expect(revision.progress).toBe('filled');
  });

  it.each([
    ['refused', (revision: BrokerOrder) => revision.refuse('422', 'no'), 'no'],
    ['too late', (revision: BrokerOrder) => revision.lapse('time-in-force'), 'lapsed: time-in-force'],
    ['not wanted', (revision: BrokerOrder) => revision.withdraw(), 'canceled before it was sent'],
  ])('that is %s says so itself', (_, decide, reason) =>
    given(BrokerOrder, replacing).when(decide).then(new BrokerReplaceRejected({ reason })),
  );

  it('ends the revision before it, when all that one traded is known', () => {
    const old = shown({ status: 'replaced', brokerageStatus: 'replaced', filledQuantity: '4' });
    given(BrokerOrder, asked, accepted)
      .when((revision) => revision.replacedBy('next', old))
      .then();
    given(BrokerOrder, asked, accepted, reported('e1', '4'))
      .when((revision) => revision.replacedBy('next', old))
      .then(new BrokerOrderReplaced({ by: 'next', filledQuantity: '4' }));
  });
});

describe('an order that is not ours', () => {
  it('is taken up once, and then left alone', () =>
    given(BrokerOrder)
      .when((revision) => {
        revision.adopt(shown({ clientOrderId: 'theirs' }));
        revision.adopt(shown({ clientOrderId: 'theirs' }));
        revision.learn(shown({ status: 'canceled', brokerageStatus: 'canceled' }));
        revision.report(traded('e1', '1'));
      })
      .then(
        new ForeignOrderAdopted({
          brokerageOrderId: 'v1',
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
  const end = fc.constantFrom(...brokerageStatuses.filter((status) => status !== 'replaced' && status !== 'filled'));
  const word = fc.oneof(
    ...parts.map((quantity, index) =>
      fc.constant((revision: BrokerOrder) => revision.report(traded(names[index] as string, quantity))),
    ),
    fc
      .record({ status: end, filled: fc.constantFrom('0', '1', '3', '6', '10') })
      .map(({ status, filled }) => (revision: BrokerOrder) => {
        revision.learn(shown({ status, brokerageStatus: status, filledQuantity: filled }));
      }),
    fc.constant((revision: BrokerOrder) => revision.cancel()),
    fc.constant((revision: BrokerOrder) => revision.rejectCancel('no')),
    fc.constant((revision: BrokerOrder) => revision.outcomeUnknown(1, 'x')),
    fc.constant((revision: BrokerOrder) => revision.unresolved(1, 'x')),
    fc.constant((revision: BrokerOrder) => revision.refuse('x', 'x')),
    fc.constant((revision: BrokerOrder) => revision.lapse('collar', '1')),
    fc.constant((revision: BrokerOrder) => revision.withdraw()),
  );
  const ends = new Set(['BrokerOrderCanceled', 'BrokerOrderExpired', 'BrokerOrderRejected', 'BrokerOrderLapsed']);

  it('each execution stands once, the quantity is their sum, and the broker ends it once', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        const revision = new BrokerOrder('x').replay([asked]);
        for (const say of words) say(revision);
        const events = revision.uncommittedEvents;
        const executions = events.filter((event) => event instanceof ExecutionReported);
        const ids = executions.map(({ data }) => data.executionId);
        expect(new Set(ids).size).toBe(ids.length);
        expect(revision.filledQuantity).toBe(executions.reduce((sum, { data }) => add(sum, decimal(data.quantity)), zero));
        const atBroker = events.filter((each: BrokerOrderEvent) => ends.has(each.type));
        // Given up, found at the broker after all, ended there: twice at most.
        expect(atBroker.length).toBeLessThanOrEqual(2);
        expect(events.filter(({ type }) => type === 'BrokerOrderAccepted').length).toBeLessThanOrEqual(1);
        const replayed = new BrokerOrder('x').replay([asked, ...events]);
        expect([replayed.progress, replayed.filledQuantity]).toEqual([revision.progress, revision.filledQuantity]);
      }),
    );
  });

  it('all told in the end, it stands as the broker says', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(parts.map((_, n) => n)), fc.array(word, { maxLength: 10 }), (order, words) => {
        const revision = new BrokerOrder('x').replay([asked]);
        revision.learn(shown());
        for (const say of words) say(revision);
        for (const n of order) revision.report(traded(names[n] as string, parts[n] as string));
        const filled = revision.filledQuantity;
        revision.learn(shown({ status: 'canceled', brokerageStatus: 'canceled', filledQuantity: filled }));
        expect(revision.isOpen).toBe(false);
        if (compare(decimal(filled), decimal('10')) === 0)
          expect(['filled', 'canceled', 'expired', 'rejected']).toContain(revision.progress);
      }),
    );
  });
});
