import { freshId } from '@tradecore/events';
import { BrokerOrder, type BrokerAnswer, type RevisionFacts, type BrokerageOrder } from '@tradecore/trading';
import { RevisionCalls, type Called } from './revision-calls.ts';
import { readState } from './revision-state.ts';

const terms = {
  orderId: freshId(),
  revision: 1,
  accountId: freshId(),
  symbol: 'ACME',
  side: 'buy',
  type: 'limit',
  limitPrice: '100',
  quantity: '10',
  timeInForce: 'gtc',
} as const;
const now: RevisionFacts['now'] = '2026-01-02T09:00:00.000Z';
const shown = (changes: Partial<BrokerageOrder>): BrokerageOrder => ({
  ...{ brokerageOrderId: 'v1', clientOrderId: '', symbol: 'ACME', side: 'buy', status: 'working', brokerageStatus: 'new' },
  ...{ quantity: '10', filledQuantity: '0', submittedAt: now },
  ...changes,
});

/** The calls of a gateway whose broker answers as told. */
const callsTo = (port: Record<string, () => Promise<unknown>>, ...known: BrokerOrder[]): RevisionCalls => {
  const brokerage = { port, now: () => now, config: { BROKER_TRIES: 3, BROKER_GRACE: 0 } };
  return new RevisionCalls(
    brokerage as never,
    { load: (id: string) => Promise.resolve(known.find((each) => each.id === id)) } as never,
  );
};
const settle = async (revision: BrokerOrder, called: Called): Promise<void> =>
  void (await called.apply?.(revision, undefined as never));
const answers = (answer: BrokerAnswer) => () => Promise.resolve(answer);

describe('a revision that is sent', () => {
  it('again and again without an outcome, and never found, is said to be unresolved: that it is absent each time is no end', async () => {
    const calls = callsTo({
      submit: answers({ kind: 'unknown', reason: 'the broker says 500' }),
      byClientOrderId: answers({ kind: 'absent' }),
    });
    const revision = new BrokerOrder(freshId());
    revision.submit(terms);
    let state = readState({});
    for (const step of ['submit', 'look-up', 'submit', 'look-up', 'submit'] as const) {
      const called = await calls.make({ do: step }, revision, state);
      await settle(revision, called);
      state = called.state;
    }
    expect(revision.uncommittedEvents.map(({ type }) => type)).toEqual([
      'SubmissionRequested',
      'BrokerOutcomeUnknown',
      'BrokerOutcomeUnresolved',
    ]);
  });
});

describe('a replacement', () => {
  /** A revision that works, one that is to replace it, and calls to a broker that shows both as told. */
  const twoRevisions = (order: Partial<BrokerageOrder>, old: Partial<BrokerageOrder>) => {
    const [first, second] = [new BrokerOrder(freshId()), new BrokerOrder(freshId())];
    first.submit(terms);
    first.learn(shown({}));
    first.markCommitted();
    second.replace({ ...terms, revision: 2, replaces: first.id });
    const calls = callsTo(
      {
        replace: answers({ kind: 'order', order: shown({ brokerageOrderId: 'v2', replaces: 'v1', ...order }) }),
        byId: answers({ kind: 'order', order: shown(old) }),
        executionsSince: () => Promise.resolve([]),
      },
      first,
    );
    return { second, called: () => calls.make({ do: 'replace' }, second, readState({})) };
  };

  it('that the broker took, though the old order was filled first, is not accepted: the broker will say so', async () => {
    const { second, called } = twoRevisions({}, { status: 'filled', brokerageStatus: 'filled' });
    const waits = await called();
    await settle(second, waits);
    expect([second.progress, waits.againMs]).toEqual(['asked', expect.any(Number)]);
  });

  it.each(['canceled', 'expired'] as const)('that is %s, and so is the old order, was never in force', async (status) => {
    const { second, called } = twoRevisions({ status, brokerageStatus: status }, { status, brokerageStatus: status });
    await settle(second, await called());
    expect(second.uncommittedEvents.map(({ type }) => type)).toEqual(['ReplacementRequested', 'BrokerReplaceRejected']);
  });

  it('whose old revision lacks executions that the broker counts and does not list yet is not asked about without a pause', async () => {
    const { second, called } = twoRevisions({}, { status: 'replaced', brokerageStatus: 'replaced', filledQuantity: '4' });
    const again = await called();
    await settle(second, again);
    expect([second.progress, again.againMs]).toEqual(['asked', 250]);
  });
});
