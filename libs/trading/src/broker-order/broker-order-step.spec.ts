import {
  BrokerOrderAccepted,
  BrokerOrderCanceled,
  BrokerOrderLapsed,
  BrokerOutcomeUnknown,
  ExecutionReported,
  type BrokerOrderEvent,
  type Opening,
  type RevisionTerms,
} from '@tradecore/events';
import { BrokerOrder } from './broker-order.aggregate.ts';
import { nextStep } from './broker-order-step.ts';
import type { BrokerageOrder } from './brokerage-replies.ts';
import { interpretReply } from './interpret-reply.ts';
import type { Revision, RevisionFacts, RevisionState } from './revision.ts';

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
const of = { orderId: terms.orderId, accountId: terms.accountId, revision: 1 };
const openingOf = (changes: Partial<RevisionTerms> = {}): Opening => ({ commandId: 'submit', terms: { ...terms, ...changes } });
const first = { ...of, opening: openingOf() };
const accepted = new BrokerOrderAccepted({ ...first, answers: 'submit', brokerageOrderId: 'v1', found: false });
const canceled = new BrokerOrderCanceled({ ...of, atBrokerage: true, filledQuantity: '4' });
const executed = new ExecutionReported({
  ...{ ...of, symbol: 'ACME', side: 'buy', executionId: 'e', brokerageExecutionId: 'e' },
  ...{ quantity: '4', price: '1', executedAt: '2026-01-02T03:04:05Z' },
});
const at = (seconds: number) => `2026-01-02T03:04:${String(seconds).padStart(2, '0')}Z`;
const patience = { graceMs: 2_000, quarantineMs: 30_000, tries: 5 };
const obstacle = (what: object) => ({ do: 'interpret', reply: { of: 'obstacle', obstacle: what } });
const lookUp = { do: 'look-up', own: true, list: false };

interface Given {
  readonly history?: BrokerOrderEvent[];
  readonly asked?: Partial<RevisionTerms>;
  readonly cancels?: string[];
  readonly state?: RevisionState;
  readonly facts?: Partial<RevisionFacts>;
}
const step = ({ history = [], asked = {}, cancels = [], state = {}, facts = {} }: Given) =>
  nextStep(
    { order: new BrokerOrder('x').replay(history).openedBy(openingOf(asked)), cancels, state },
    { now: at(0), ...facts },
    { ...patience, replaceCarriesFills: true },
  );

describe('the next step of a revision', () => {
  it.each<[string, Given, object]>([
    ['never sent', {}, { do: 'submit', terms }],
    ['at the brokerage', { history: [accepted] }, lookUp],
    ['at the brokerage, to be cancelled', { history: [accepted], cancels: ['c'] }, { do: 'cancel', brokerageOrderId: 'v1' }],
    ['asked to cancel a moment ago', { history: [accepted], cancels: ['c'], state: { cancelSentAt: at(0) } }, lookUp],
    [
      'asked to cancel long ago',
      { history: [accepted], cancels: ['c'], state: { cancelSentAt: at(0) }, facts: { now: at(11) } },
      { do: 'cancel', brokerageOrderId: 'v1' },
    ],
    ['ended', { history: [accepted, canceled] }, { do: 'nothing' }],
    ['ended, its executions in doubt', { history: [accepted, canceled], state: { list: true } }, { ...lookUp, list: true }],
    ['ended, a cancel open', { history: [accepted, canceled], cancels: ['c'] }, obstacle({ kind: 'canceled', commandId: 'c' })],
    ['sent, not answered', { state: { sentAt: at(0) }, facts: { now: at(1) } }, lookUp],
    ['unknown, with no state', { history: [new BrokerOutcomeUnknown({ ...first, attempt: 1, reason: 'x' })] }, lookUp],
    ['sent, found absent too early to count', { state: { sentAt: at(0), absentAt: at(1) }, facts: { now: at(9) } }, lookUp],
    ['sent, certainly absent', { state: { sentAt: at(0), absentAt: at(2) }, facts: { now: at(2) } }, { do: 'submit', terms }],
    ['not sent, to be cancelled', { cancels: ['c'] }, obstacle({ kind: 'canceled', commandId: 'c' })],
    [
      'sent, absent, to be cancelled',
      { cancels: ['c'], state: { sentAt: at(0), absentAt: at(29) }, facts: { now: at(29) } },
      lookUp,
    ],
    [
      'sent, long absent, to be cancelled',
      { cancels: ['c'], state: { sentAt: at(0), absentAt: at(30) }, facts: { now: at(30) } },
      obstacle({ kind: 'canceled', commandId: 'c' }),
    ],
    [
      'refused after an unknown outcome',
      { state: { sentAt: at(0), absentAt: at(2), refusal: { code: '1', reason: 'x' } } },
      lookUp,
    ],
    ['halted', { facts: { isHalted: true } }, obstacle({ kind: 'lapsed', reason: 'trading-halted' })],
    ['too late', { asked: { goodUntil: at(0) }, facts: { now: at(1) } }, obstacle({ kind: 'lapsed', reason: 'time-in-force' })],
    ['the price it needs is not known', { asked: { collarPrice: '105' } }, { do: 'wait', ms: 500 }],
    [
      'beyond the collar',
      { asked: { collarPrice: '105' }, facts: { lastPrice: '105.01' } },
      obstacle({ kind: 'lapsed', reason: 'collar', lastPrice: '105.01' }),
    ],
    [
      'a sell below the collar',
      { asked: { side: 'sell', collarPrice: '95' }, facts: { lastPrice: '94.99' } },
      obstacle({ kind: 'lapsed', reason: 'collar', lastPrice: '94.99' }),
    ],
  ])('%s', (_, given, expected) => expect(step(given)).toEqual(expected));
});

describe('the next step of a replacement', () => {
  const next = { ...terms, revision: 2, quantity: '12', replaces: 'x' };
  const replacement = (before: BrokerOrderEvent[], { state = {}, cancels = [] as string[] } = {}): Revision => ({
    order: new BrokerOrder('y').openedBy({ commandId: 'replace', terms: next }),
    cancels: [],
    state,
    replaced: { order: new BrokerOrder('x').replay(before).openedBy(openingOf()), cancels },
  });
  const on = (revision: Revision, replaceCarriesFills: boolean) =>
    nextStep(revision, { now: at(0) }, { ...patience, replaceCarriesFills });
  const refused = (reason: string) => obstacle({ kind: 'refused', code: 'not-working', reason });

  it('waits for the previous order', () => expect(on(replacement([]), true)).toMatchObject({ do: 'wait' }));

  it('is a replace if the brokerage carries fills over', () =>
    expect(on(replacement([accepted]), true)).toEqual({ do: 'replace', brokerageOrderId: 'v1', terms: next }));

  it('is otherwise a cancel, remembered before it is sent, then a submit of the rest', () => {
    expect(on(replacement([accepted]), false)).toEqual({ do: 'interpret', reply: { of: 'room-wanted' } });
    const state = { makesRoom: true };
    expect(on(replacement([accepted], { state }), false)).toEqual({ do: 'make-room', brokerageOrderId: 'v1' });
    expect(on(replacement([accepted, executed, canceled], { state }), false)).toEqual({
      do: 'submit',
      terms: { ...next, quantity: '8' },
    });
  });

  it('is nothing if the previous order was cancelled for another reason, or is about to be', () => {
    expect(on(replacement([accepted, canceled]), false)).toEqual(refused('the order is canceled'));
    expect(on(replacement([accepted], { cancels: ['c'] }), false)).toEqual(refused('the order is being cancelled'));
    const byStep = new BrokerOrderCanceled({ ...of, answers: 'c', atBrokerage: true, filledQuantity: '0' });
    expect(on(replacement([accepted, byStep], { state: { makesRoom: true } }), false)).toEqual(refused('the order is canceled'));
    expect(on(replacement([new BrokerOrderLapsed({ ...first, reason: 'collar' })]), true)).toEqual(
      refused('the order is lapsed'),
    );
  });

  it('is due again on any report if it was sent with too much: a crash may have lost the first request', () => {
    const shown: BrokerageOrder = {
      ...{ brokerageOrderId: 'v2', clientOrderId: 'y', symbol: 'ACME', side: 'buy', status: 'working' },
      ...{ brokerageStatus: 'new', quantity: '12', filledQuantity: '0', submittedAt: at(0) },
    };
    const again = (before: BrokerOrderEvent[]) => {
      const revision = replacement(before);
      revision.order.accept(shown, { found: false, carriedQuantity: '0', countsFromZero: true });
      const list = { of: 'list', order: shown, executions: [] } as const;
      return interpretReply(revision, list, { ...patience, replaceCarriesFills: false }, at(0)).again;
    };
    expect(again([accepted, canceled])).toBe('when-asked');
    expect(again([accepted, canceled, executed])).toBe(0);
  });
});
