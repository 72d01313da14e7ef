import { freshId } from '@tradecore/events';
import { BrokerOrder, type BrokerAnswer, type LegFacts, type VenueOrder } from '@tradecore/trading';
import { LegCalls, type Called } from './leg-calls.ts';
import { readMemo } from './leg-memo.ts';

const terms = {
  orderId: freshId(),
  leg: 1,
  accountId: freshId(),
  symbol: 'ACME',
  side: 'buy',
  type: 'limit',
  limitPrice: '100',
  quantity: '10',
  timeInForce: 'gtc',
} as const;
const now: LegFacts['now'] = '2026-01-02T09:00:00.000Z';
const shown = (changes: Partial<VenueOrder>): VenueOrder => ({
  ...{ venueOrderId: 'v1', clientOrderId: '', symbol: 'ACME', side: 'buy', status: 'working', venueStatus: 'new' },
  ...{ quantity: '10', filledQuantity: '0', submittedAt: now },
  ...changes,
});

/** The calls of a gateway whose broker answers as told. */
const callsTo = (port: Record<string, () => Promise<unknown>>, ...known: BrokerOrder[]): LegCalls => {
  const venue = { port, now: () => now, config: { BROKER_TRIES: 3, BROKER_GRACE: 0 } };
  return new LegCalls(venue as never, { load: (id: string) => Promise.resolve(known.find((each) => each.id === id)) } as never);
};
const settle = async (leg: BrokerOrder, called: Called): Promise<void> => void (await called.apply?.(leg, undefined as never));
const answers = (answer: BrokerAnswer) => () => Promise.resolve(answer);

describe('a leg that is sent', () => {
  it('again and again without an outcome, and never found, is said to be unresolved: that it is absent each time is no end', async () => {
    const calls = callsTo({
      submit: answers({ kind: 'unknown', reason: 'the broker says 500' }),
      byClientOrderId: answers({ kind: 'absent' }),
    });
    const leg = new BrokerOrder(freshId());
    leg.submit(terms);
    let memo = readMemo({});
    for (const step of ['submit', 'look-up', 'submit', 'look-up', 'submit'] as const) {
      const called = await calls.make({ do: step }, leg, memo);
      await settle(leg, called);
      memo = called.memo;
    }
    expect(leg.uncommittedEvents.map(({ type }) => type)).toEqual([
      'SubmissionRequested',
      'BrokerOutcomeUnknown',
      'BrokerOutcomeUnresolved',
    ]);
  });
});

describe('a replacement', () => {
  /** A leg that works, one that is to replace it, and calls to a broker that shows both as told. */
  const twoLegs = (order: Partial<VenueOrder>, old: Partial<VenueOrder>) => {
    const [first, second] = [new BrokerOrder(freshId()), new BrokerOrder(freshId())];
    first.submit(terms);
    first.learn(shown({}));
    first.markCommitted();
    second.replace({ ...terms, leg: 2, replaces: first.id });
    const calls = callsTo(
      {
        replace: answers({ kind: 'order', order: shown({ venueOrderId: 'v2', replaces: 'v1', ...order }) }),
        byId: answers({ kind: 'order', order: shown(old) }),
        executionsSince: () => Promise.resolve([]),
      },
      first,
    );
    return { second, called: () => calls.make({ do: 'replace' }, second, readMemo({})) };
  };

  it('that the broker took, though the old order was filled first, is not accepted: the broker will say so', async () => {
    const { second, called } = twoLegs({}, { status: 'filled', venueStatus: 'filled' });
    const waits = await called();
    await settle(second, waits);
    expect([second.progress, waits.againMs]).toEqual(['asked', expect.any(Number)]);
  });

  it.each(['canceled', 'expired'] as const)('that is %s, and so is the old order, was never in force', async (status) => {
    const { second, called } = twoLegs({ status, venueStatus: status }, { status, venueStatus: status });
    await settle(second, await called());
    expect(second.uncommittedEvents.map(({ type }) => type)).toEqual(['ReplacementRequested', 'BrokerReplaceRejected']);
  });

  it('whose old leg lacks executions that the broker counts and does not list yet is not asked about without a pause', async () => {
    const { second, called } = twoLegs({}, { status: 'replaced', venueStatus: 'replaced', filledQuantity: '4' });
    const again = await called();
    await settle(second, again);
    expect([second.progress, again.againMs]).toEqual(['asked', 250]);
  });
});
