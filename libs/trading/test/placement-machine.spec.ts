import fc from 'fast-check';
import { DomainError } from '@tradecore/event-sourcing';
import type { Event, ReplaceTerms, Step } from '@tradecore/events';
import { add, compare, decimal, multiply, subtract, sum, zero, type Decimal } from '@tradecore/money';
import { Account, isTerminal, Order, OrderPlacement, type AccountState, type OrdStatus } from '../src/index.ts';
import { accountId, broker, orderId, PlacementStory, revisionId, type Save } from './placement-story.ts';
import { PlacementWorld } from './placement-world.ts';
import { valueOf } from '../src/account/fees.ts';

const asJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
const allOf = (saves: readonly Save[]): readonly Event[] =>
  saves.flatMap(({ order, account, placement }) => [...order, ...account, ...placement] as Event[]);
const count = (events: readonly Event[], type: string): number => events.filter((event) => event.type === type).length;

type Three = Pick<PlacementStory, 'order' | 'account' | 'placement'>;

/** Money and shares equal the deposits and the current executions. */
function expectBooked({ order, account }: Three, cash: string): void {
  const standing = order.executions
    .entries()
    .map(([, figures]) => figures)
    .filter(({ quantity }) => quantity !== zero);
  const shares = sum(standing.map(({ quantity }) => decimal(quantity)));
  expect(add(account.available('symbol', 'ACME'), account.reserved('symbol', 'ACME'))).toBe(shares);
  expect(order.filledQuantity).toBe(shares);
  const spent = sum(standing.map(({ notional, fee }) => add(decimal(notional), decimal(fee))));
  expect(add(account.available('currency', 'USD'), account.reserved('currency', 'USD'))).toBe(subtract(decimal(cash), spent));
  for (const { quantity, price, notional, fee } of standing) expect({ notional, fee }).toEqual(valueOf({ quantity, price }));
}

/**
 * Each step, each execution and the end were decided once, and each execution was booked and reversed as often as it
 * changed.
 */
function expectOnce(saves: readonly Save[]): void {
  const events = allOf(saves);
  const asked = events.filter(({ data }) => (data as Partial<Step>).attempt === 1 && 'commandId' in data);
  expect(new Set(asked.map(({ data }) => (data as Step).commandId)).size).toBe(asked.length);
  const executed = events
    .filter(({ type }) => type === 'OrderExecuted')
    .map(({ data }) => (data as { executionId: string }).executionId);
  expect(new Set(executed).size).toBe(executed.length);
  const corrected = count(events, 'OrderExecutionCorrected');
  expect(count(events, 'FillSettled')).toBe(executed.length + corrected);
  expect(count(events, 'FillReversed')).toBe(corrected + count(events, 'OrderExecutionBusted'));
  expect(count(events, 'PlacementEnded')).toBeLessThan(2);
}

/** Replayed from all events, or from snapshots and later events, the three aggregates are the same. */
function expectReplayed(saves: readonly Save[], { order, account, placement }: Three, at: number): void {
  const history = {
    order: saves.flatMap((save) => save.order),
    account: saves.flatMap((save) => save.account),
    placement: saves.flatMap((save) => save.placement),
  };
  const again = new OrderPlacement(placement.id).replay(history.placement);
  expect([again.steps, again.stuck, again.isEnded, again.version]).toEqual([
    placement.steps,
    placement.stuck,
    placement.isEnded,
    placement.version,
  ]);
  const cut = at % (history.order.length + 1);
  const restoredOrder = new Order(orderId);
  restoredOrder.restore(asJson(new Order(orderId).replay(history.order.slice(0, cut)).toSnapshot()));
  restoredOrder.startAt(cut);
  restoredOrder.replay(history.order.slice(cut));
  const restoredAccount = new Account(accountId);
  const half = at % (history.account.length + 1);
  restoredAccount.restore(asJson(new Account(accountId).replay(history.account.slice(0, half)).toSnapshot()) as AccountState);
  restoredAccount.startAt(half);
  restoredAccount.replay(history.account.slice(half));
  for (const each of [restoredOrder, new Order(orderId).replay(history.order)])
    expect([asJson(each.toSnapshot()), each.version]).toEqual([asJson(order.toSnapshot()), order.version]);
  for (const each of [restoredAccount, new Account(accountId).replay(history.account)])
    expect([each.toSnapshot(), each.version]).toEqual([account.toSnapshot(), account.version]);
}

describe('an order, its account and its placement, for any inputs in any order', () => {
  const words = [1, 2, 3].flatMap((revision) => {
    const { fill, bust, correct, ...others } = broker(revision);
    const executions = [1, 2, 3].flatMap((n) => {
      const id = `e${revision}${n}`;
      return [
        () => fill(id, '2', '101.5'),
        () => fill(id, '5'),
        () => bust(id),
        () => correct(id, '4', '99'),
        () => correct(id, '12'),
      ];
    });
    return [...Object.values(others), () => others.replaced('foreign'), ...executions];
  });
  interface Act {
    readonly name: string;
    readonly on: (story: PlacementStory) => void;
  }
  /** A revision appears at the brokerage, or in the place of another, only after it was requested. */
  const isSent = ({ entries }: PlacementStory, brokerOrderId: string): boolean =>
    brokerOrderId === 'foreign' ||
    entries.some(({ placement }) => placement.some(({ data }) => 'target' in data && data.target === brokerOrderId));
  const handle = fc.constantFrom(...words).map((word): Act => {
    const event = word();
    const { revision } = event.data;
    const shown = [revisionId(revision), ...('by' in event.data ? [event.data.by] : [])];
    const on = (story: PlacementStory) => void (shown.every((each) => isSent(story, each)) && story.handles(event));
    return { name: `${event.type} of ${revision}`, on };
  });
  /** The brokerage refuses to cancel only what it has. */
  const answerCancel = (story: PlacementStory) => {
    const { order, placement } = story;
    const step = placement.steps.find(({ type }) => type === 'CancelBrokerOrder');
    const isThere = order.state?.acknowledged || order.revision > 1 || order.executions.size > 0;
    if (step && isThere) story.handles(broker(step.data.revision).cancelRejected(step.data.commandId));
  };
  const replace = fc
    .constantFrom<ReplaceTerms>(
      { quantity: '14' },
      { quantity: '6', limitPrice: '102' },
      { limitPrice: '95' },
      { quantity: '11' },
    )
    .map((changes): Act => ({ name: 'replace', on: (story) => void story.asksToReplace(changes) }));
  const act = (name: string, on: (story: PlacementStory) => void) => fc.constant<Act>({ name, on });
  const acts = fc.oneof(
    { weight: 12, arbitrary: handle },
    { weight: 2, arbitrary: replace },
    act('cancel', (story) => void story.asksToCancel()),
    { weight: 2, arbitrary: act('handle the request', (story) => void story.handlesRequest()) },
    { weight: 2, arbitrary: act('answer the cancel', answerCancel) },
    act('time', (story) => void (story.dueAt && story.untilDue())),
  );

  /** A refusal is a typed error and leaves no trace. */
  function happen(story: PlacementStory, { on }: Act): void {
    const versions = () => [story.order, story.account, story.placement].map(({ version }) => version);
    const before = versions();
    try {
      on(story);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      expect(versions()).toEqual(before);
    }
  }

  it('are consistent after every save, book the standing executions, store nothing twice, and equal their replay', () => {
    const ends = new Set<string>();
    fc.assert(
      fc.property(fc.array(acts, { maxLength: 60, size: 'max' }), fc.nat(), (all, at) => {
        const story = PlacementStory.placed({ cash: '2000' });
        for (const each of all) {
          const before = story.order.status as OrdStatus;
          happen(story, each);
          const after = story.order.status as OrdStatus;
          if (isTerminal(before) && before !== after) expect(['filled', 'overfilled', 'busted']).toContain(before);
          if (isTerminal(before)) expect(isTerminal(after)).toBe(true);
          expectBooked(story, '2000');
          if (story.entries.at(-1)?.input) story.again().then();
        }
        expectOnce(story.entries);
        expectReplayed(story.entries, story, at);
        ends.add(story.order.status as string);
      }),
      { numRuns: 120 },
    );
    expect([...ends]).toEqual(expect.arrayContaining(['canceled', 'expired', 'overfilled', 'rejected']));
  });
});

describe('an order, its account, its placement and a brokerage', () => {
  /** One thing that happens; `pick` chooses among the possible ones. */
  interface Choice {
    readonly kind: 'deliver' | 'broker' | 'end' | 'replace' | 'cancel' | 'time' | 'lose';
    readonly pick: number;
  }
  const of = (kind: Choice['kind'], weight: number) => ({
    weight,
    arbitrary: fc.nat({ max: 97 }).map((pick): Choice => ({ kind, pick })),
  });
  const choice = fc.oneof(
    of('deliver', 12),
    of('broker', 6),
    of('end', 1),
    of('replace', 3),
    of('cancel', 1),
    of('time', 2),
    of('lose', 1),
  );
  const replaces = [
    { quantity: '14' },
    { quantity: '6', limitPrice: '102' },
    { quantity: '12', limitPrice: '95' },
    { quantity: '11' },
    { limitPrice: '101' },
  ];

  function happen(world: PlacementWorld, { kind, pick }: Choice): void {
    const pickOf = (acts: readonly (() => void)[]) => acts[pick % Math.max(acts.length, 1)]?.();
    const revisions = [...world.revisions.values()];
    if (kind === 'deliver') pickOf(world.deliveries());
    if (kind === 'broker') pickOf(revisions.flatMap((revision) => revision.acts()));
    if (kind === 'end') pickOf(revisions.flatMap((revision) => revision.ends()));
    if (kind === 'replace') world.requestReplace(replaces[pick % replaces.length]!);
    if (kind === 'cancel') world.client(() => world.order.requestCancel());
    if (kind === 'time') world.passTime();
    if (kind === 'lose') world.lose(pick);
  }

  /** Delivers everything under way, and lost steps again. */
  function settle(world: PlacementWorld): void {
    for (let rounds = 0; rounds < 5_000; rounds += 1) {
      const [next] = world.deliveries();
      if (next) next();
      else if (world.dueAt === undefined) return;
      else world.passTime();
    }
    throw new Error('the world does not settle');
  }

  /** Half of the runs start with an order that the brokerage works: most acts happen there. */
  function bringToBrokerage(world: PlacementWorld): void {
    settle(world);
    for (const revision of world.revisions.values()) revision.acts()[0]?.();
    settle(world);
  }

  /** Lets the brokerage end all living revisions. */
  function endAll(world: PlacementWorld, pick: number): void {
    for (let rounds = 0; rounds < 50; rounds += 1) {
      const acts = [...world.revisions.values()].flatMap((revision) => revision.ends());
      if (acts.length === 0) return;
      acts[pick % acts.length]?.();
      settle(world);
    }
    throw new Error('the brokerage does not end its revisions');
  }

  /** The order has, and the account booked, what traded at the brokerage. */
  function expectQuiet(world: PlacementWorld, cash: string): void {
    const traded = sum([...world.trades.values()].map(({ quantity }) => quantity));
    expect(world.order.filledQuantity).toBe(traded);
    expectBooked(world, cash);
    expect(world.placement.isEnded).toBe(isTerminal(world.order.status as OrdStatus));
  }

  it('end well, whatever happens in any order', () => {
    const ends = new Map<string, number>();
    const deposit = fc.constantFrom('1015.51', '1100', '1430', '100000');
    fc.assert(
      fc.property(
        fc.array(choice, { minLength: 20, maxLength: 160, size: 'max' }),
        deposit,
        fc.boolean(),
        fc.nat({ max: 5 }),
        (choices, cash, ahead, last) => {
          const world = new PlacementWorld(cash);
          if (ahead) bringToBrokerage(world);
          for (const each of choices) happen(world, each);
          settle(world);
          expectQuiet(world, cash);
          endAll(world, last);
          expectQuiet(world, cash);
          expect(isTerminal(world.order.status as OrdStatus)).toBe(true);
          expect([world.account.reservations, world.placement.isStuck, world.wasOverdrawn]).toEqual([[], false, false]);
          expectOnce(world.saves);
          expectReplayed(world.saves, world, choices.length);
          ends.set(world.order.status as string, (ends.get(world.order.status as string) ?? 0) + 1);
        },
      ),
      { numRuns: 120 },
    );
    // The test is only meaningful if every end is reached.
    expect([...ends.keys()].sort()).toEqual(expect.arrayContaining(['canceled', 'expired', 'filled', 'rejected']));
  });
});

describe('the reservation of a limit order while a replace waits', () => {
  const quantity = fc.integer({ min: 1, max: 40 }).map((value) => decimal(String(value)));
  const price = fc.integer({ min: 1, max: 2_000_000 }).map((value) => decimal((value / 1e4).toFixed(4)));
  const replaced = fc.record({
    old: fc.record({ quantity, limitPrice: price }),
    next: fc.record({ quantity, limitPrice: price }),
    isTaken: fc.boolean(),
    answeredBefore: fc.nat(8),
    parts: fc.array(fc.record({ shares: quantity, share: fc.double({ min: 0.5, max: 1, noNaN: true }) }), { maxLength: 8 }),
  });

  /** A part trades at its share of the limit in force, up to the open shares; false once none is open. */
  function trade(story: PlacementStory, part: { shares: Decimal; share: number }, id: string): boolean {
    const { state } = story.order;
    if (!state || isTerminal(state.status)) return false;
    const open = subtract(decimal(state.quantity), decimal(state.filled));
    const quantityOf = compare(part.shares, open) < 0 ? part.shares : open;
    const at = multiply(decimal(state.terms.limitPrice ?? zero), decimal(part.share.toFixed(4)), 'down');
    if (compare(quantityOf, zero) <= 0 || at === zero) return false;
    story.handles(broker(state.revision).fill(id, quantityOf, at));
    return true;
  }

  it('covers every fill at either price, in any parts, and the rest at whichever terms take effect', () => {
    fc.assert(
      fc.property(replaced, ({ old, next, isTaken, answeredBefore, parts }) => {
        fc.pre(old.quantity !== next.quantity || old.limitPrice !== next.limitPrice);
        const story = PlacementStory.working({ terms: old, cash: '10000000' }).replace(next);
        const available = () => story.account.available('currency', 'USD');
        for (const [index, part] of parts.entries()) {
          if (index === answeredBefore) story.handles(isTaken ? broker(2).accepted() : broker(2).replaceRejected());
          const before = available();
          if (!trade(story, part, `e${index}`)) break;
          expect(compare(available(), before)).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 300 },
    );
  });
});
