import { brokerOrderIdFor, type RevisionTerms } from '@tradecore/events';
import fc from 'fast-check';
import { DrivenOrder, type Line } from './driven-order.ts';
import { FakeBrokerage } from './fake-brokerage.ts';

const terms: RevisionTerms = {
  orderId: '0190a6e0-0000-7000-8000-0000000000d1',
  revision: 1,
  accountId: '0190a6e0-0000-7000-8000-00000000acc0',
  symbol: 'ACME',
  side: 'buy',
  type: 'limit',
  limitPrice: '100',
  quantity: '10',
  timeInForce: 'gtc',
};

/** The possible happenings, each with a number that chooses among targets. */
const happenings = [
  ...['round', 'round', 'round', 'round', 'hear', 'hear', 'work', 'fill', 'fill', 'pass', 'arrive'],
  ...['refuse', 'replace', 'cancel', 'cancel at once', 'bust', 'correct', 'pause', 'resume', 'expire', 'sweep', 'begin again'],
] as const;
const lines: readonly Line[] = ['answered', 'answered', 'answered', 'request lost', 'reply lost', 'late', 'unsent'];
const script = fc.array(
  fc.record({ what: fc.constantFrom(...happenings), pick: fc.nat(1000), line: fc.constantFrom(...lines) }),
  { minLength: 5, maxLength: 80 },
);
interface Happening {
  readonly what: (typeof happenings)[number];
  readonly pick: number;
  readonly line: Line;
}

type Act = (driven: DrivenOrder, pick: number, line: Line) => void;
const one = <T>(all: readonly T[], pick: number): T | undefined => all[pick % Math.max(1, all.length)];
const someOrder = ({ brokerage }: DrivenOrder, pick: number) => one(brokerage.orders, pick) ?? brokerage.none;

const acts: Readonly<Record<(typeof happenings)[number], Act>> = {
  // Stream updates may come before the answer.
  round: (driven, pick, line) =>
    driven.round((pick % driven.rows.length) + 1, line, () => {
      if (pick % 3 === 0) driven.brokerage.work();
      if (pick % 4 === 0) driven.hear(driven.brokerage.updates.length - 1);
    }),
  hear: (driven, pick) => driven.hear(pick % Math.max(1, driven.brokerage.updates.length)),
  work: ({ brokerage }) => brokerage.work(),
  refuse: ({ brokerage }) => brokerage.work(true),
  fill: (driven, pick) => driven.brokerage.fill(someOrder(driven, pick), (pick % 5) + 1),
  pass: (driven, pick) => driven.pass(one([100, 2_500, 11_000, 40_000], pick) ?? 0),
  arrive: (driven) => driven.arrive(),
  replace: (driven, pick) => driven.replace(String(8 + (pick % 8))),
  cancel: (driven) => driven.cancel(driven.rows.length),
  'cancel at once': (driven, pick) => driven.cancel((pick % driven.rows.length) + 1),
  bust: ({ brokerage }, pick) => brokerage.bust(pick % Math.max(1, brokerage.executions.length)),
  correct: ({ brokerage }, pick) => brokerage.correct(pick % Math.max(1, brokerage.executions.length), String(90 + (pick % 5))),
  pause: (driven, pick) => driven.brokerage.pause(someOrder(driven, pick), pick % 2 ? 'suspended' : 'doneForDay'),
  resume: (driven, pick) => driven.brokerage.resume(someOrder(driven, pick)),
  expire: (driven, pick) => driven.brokerage.expire(someOrder(driven, pick)),
  sweep: (driven) => driven.sweep(),
  'begin again': (driven) => driven.beginAgain(),
};
const happen = (driven: DrivenOrder, { what, pick, line }: Happening): void => acts[what](driven, pick, line);

/** Delivers all updates and answers every call in a quiet market, until nothing is due. */
function settle(driven: DrivenOrder): void {
  driven.arrive();
  for (let looks = 0; looks < 4; looks += 1) {
    driven.brokerage.work();
    driven.sweep();
    for (let rounds = 0; rounds < 200 && driven.isDue; rounds += 1) {
      for (let revision = 1; revision <= driven.rows.length; revision += 1) driven.round(revision, 'answered');
      driven.brokerage.work();
      driven.pass(5_000);
    }
    for (let index = 0; index < driven.brokerage.updates.length; index += 1) driven.hear(index);
  }
}

/** A busted fill fills again, and the brokerage pauses the rest, while our books have it filled. */
const filledTakenBackAndPaused: readonly Happening[] = (
  [['round'], ['fill'], ['bust'], ['fill', 38], ['fill', 384], ['round'], ['round'], ['round'], ['pause'], ['round']] as const
).map(([what, pick = 0]) => ({ what, pick, line: 'answered' }));

describe.each([true, false])('for any reports in any order (fills carried over: %s), a driver', (replaceCarriesFills) => {
  const rules = { replaceCarriesFills, graceMs: 2_000, quarantineMs: 30_000, tries: 5 };
  const run = (happened: readonly Happening[]): DrivenOrder => {
    const driven = new DrivenOrder(new FakeBrokerage(replaceCarriesFills), rules, terms);
    for (const each of happened) happen(driven, each);
    settle(driven);
    return driven;
  };

  it('records each execution once, as the brokerage has it; ends each order as there; answers each step', () => {
    fc.assert(
      fc.property(script, (happened) => {
        const driven = run(happened);
        const { brokerage } = driven;
        for (const row of driven.rows) {
          const order = driven.order(row);
          const there = brokerage.orders.filter(({ clientOrderId }) => clientOrderId === row.id);
          expect(there.length).toBeLessThanOrEqual(1);
          const executions = there[0] ? brokerage.executionsOf(there[0].id) : [];
          const standing = order.standingExecutions.map(({ executionId, quantity, price }) => ({ executionId, quantity, price }));
          const key = (a: { executionId: string }, b: { executionId: string }) => (a.executionId < b.executionId ? -1 : 1);
          expect(standing.toSorted(key)).toEqual(
            executions.map(({ executionId, quantity, price }) => ({ executionId, quantity, price })).toSorted(key),
          );
          expect(row.cancels.filter((commandId) => !order.hasAnswered(commandId))).toEqual([]);
          expect(order.isUnproven).toBe(false);
          const isOpenThere = ['working', 'suspended', 'doneForDay'].includes(there[0]?.status ?? '');
          expect([order.progress, order.progress === 'working']).toEqual([order.progress, isOpenThere]);
          if (isOpenThere) expect(order.isPaused).toBe(there[0]?.status !== 'working');
          const first = driven.events.get(row.id)?.[0];
          expect(first?.data).toMatchObject({ opening: row.opening, orderId: terms.orderId, accountId: terms.accountId });
        }
      }),
      { numRuns: 150, examples: [[filledTakenBackAndPaused]] },
    );
  });

  it('never trades more than the client requested', () => {
    fc.assert(
      fc.property(script, (happened) => {
        const driven = run(happened.filter(({ what }) => what !== 'bust'));
        const totals = driven.rows.map(({ opening }) => Number(opening.terms.quantity));
        const traded = driven.brokerage.executions.reduce((sum, { quantity }) => sum + Number(quantity), 0);
        expect(traded).toBeLessThanOrEqual(Math.max(...totals));
        const working = driven.rows.filter((row) => driven.order(row).progress === 'working');
        expect(working.length).toBeLessThanOrEqual(1);
        const [row] = working;
        const there = driven.brokerage.orders.find(({ clientOrderId }) => clientOrderId === row?.id);
        if (row && there) expect(traded + there.quantity - there.carried - there.filled).toBe(Number(row.opening.terms.quantity));
      }),
      { numRuns: 150 },
    );
  });

  it('changes nothing for a repeated report', () => {
    fc.assert(
      fc.property(script, (happened) => {
        const driven = run(happened);
        const count = () => [...driven.events.values()].flat().length;
        const before = count();
        for (let index = 0; index < driven.brokerage.updates.length; index += 1) driven.hear(index);
        for (let index = driven.brokerage.updates.length - 1; index >= 0; index -= 1) driven.hear(index);
        driven.beginAgain();
        settle(driven);
        expect(count()).toBe(before);
      }),
      { numRuns: 100 },
    );
  });
});

it('ids of BrokerOrders derive from their orders', () => expect(brokerOrderIdFor(terms.orderId, 1)).toMatch(/^[0-9a-f-]{36}$/));
