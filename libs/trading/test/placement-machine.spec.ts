import fc from 'fast-check';
import type { OrderPlacementEvent, Step } from '@tradecore/events';
import { add, decimal, subtract, zero } from '@tradecore/money';
import { isTerminal, OrderPlacement, type OrdStatus } from '../src/index.ts';
import { PlacementWorld } from './placement-world.ts';

/** What may happen in a world, and which of its kind: small numbers, so that a failing run shrinks to the few that matter. */
interface Choice {
  readonly kind: 'deliver' | 'broker' | 'end' | 'replace' | 'cancel' | 'time' | 'repeat';
  readonly pick: number;
}

const of = (kind: Choice['kind'], weight: number) => ({
  weight,
  arbitrary: fc.record({ kind: fc.constant(kind), pick: fc.nat({ max: 30 }) }),
});
const choice = fc.oneof(
  of('deliver', 30),
  of('broker', 6),
  of('end', 1),
  of('replace', 3),
  of('cancel', 1),
  of('time', 2),
  of('repeat', 2),
);
const replaces: readonly [string, string?][] = [['14'], ['6', '102'], ['12', '95'], ['11'], ['10', '101']];

function happen(world: PlacementWorld, { kind, pick }: Choice): void {
  const pickOf = (acts: readonly (() => void)[]) => acts[pick % Math.max(acts.length, 1)]?.();
  const revisions = [...world.revisions.values()];
  if (kind === 'deliver') pickOf(world.deliveries());
  if (kind === 'broker') pickOf(revisions.flatMap((revision) => revision.acts()));
  if (kind === 'end') pickOf(revisions.flatMap((revision) => revision.ends()));
  if (kind === 'replace') world.requestReplace(...(replaces[pick % replaces.length] as [string, string?]));
  if (kind === 'cancel') world.client(() => world.order.requestCancel());
  if (kind === 'time') world.passTime();
  if (kind === 'repeat') world.repeat();
}

/** Delivers everything that is under way. */
function settle(world: PlacementWorld): void {
  for (let rounds = 0; rounds < 5_000; rounds += 1) {
    const [next] = world.deliveries();
    if (!next) return;
    next();
  }
  throw new Error('the world does not come to rest');
}

/** Half of the runs begin with an order that the broker works: most of what may happen happens there. */
function bringToBroker(world: PlacementWorld): void {
  settle(world);
  for (const revision of world.revisions.values()) revision.acts()[0]?.();
  settle(world);
}

/** Lets the broker end whatever lives there. */
function endAll(world: PlacementWorld, choice: number): void {
  for (let rounds = 0; rounds < 50; rounds += 1) {
    const acts = [...world.revisions.values()].flatMap((revision) => revision.ends());
    if (acts.length === 0) return;
    acts[choice % acts.length]?.();
    settle(world);
  }
  throw new Error('the broker does not come to an end');
}

const settlements = ({ booked }: PlacementWorld) =>
  booked.filter(({ type }) => type === 'FillSettled').map(({ data }) => (data as { executionId: string }).executionId);
const askedOnce = ({ decided }: PlacementWorld) => decided.filter(({ data }) => (data as Partial<Step>).attempt === 1);
const count = (world: PlacementWorld, type: string) => askedOnce(world).filter((each) => each.type === type).length;

/** What holds whenever nothing is under way. */
function expectQuiet(world: PlacementWorld): void {
  const { order, account, saga, traded } = world;
  expect(order.filledQuantity).toBe(traded.filled);
  expect(settlements(world).sort()).toEqual([...traded.executionIds].sort());
  const commandIds = askedOnce(world).map(({ data }) => (data as Step).commandId);
  expect(new Set(commandIds).size).toBe(commandIds.length);
  expect(saga.dueAt).toBeUndefined();
  expect(saga.isEnded).toBe(isTerminal(order.status as OrdStatus));
  const [reservation] = account.reservations;
  const rests = ['new', 'partiallyFilled', 'doneForDay', 'pendingCancel'].includes(order.status as OrdStatus);
  if (rests && order.terms && world.revisions.size > 0 && !isWaitingForReplace(world)) {
    expect(reservation?.quantity).toBe(subtract(decimal(order.terms.quantity), traded.filled));
    expect(reservation?.unitPrice).toBe(order.terms.limitPrice);
  }
  if (isTerminal(order.status as OrdStatus)) expect(account.reservations).toEqual([]);
}

/** A replace that the broker has not answered may hold more. */
const isWaitingForReplace = ({ revisions }: PlacementWorld): boolean =>
  [...revisions.values()].some(({ state }) => state === 'asked');

/** What holds once the order has ended. */
function expectBalanced(world: PlacementWorld): void {
  const { account, order, traded } = world;
  expect(isTerminal(order.status as OrdStatus)).toBe(true);
  expect(account.available('symbol', 'ACME')).toBe(traded.filled);
  expect(account.reserved('currency', 'USD')).toBe(zero);
  const units = new Map<string, string>();
  for (const { unit, amount } of account.balances) units.set(unit, add(decimal(units.get(unit) ?? zero), decimal(amount)));
  for (const sum of units.values()) expect(sum).toBe(zero);
  expect(count(world, 'SubmissionAsked')).toBeLessThanOrEqual(1);
  expect(count(world, 'ReleaseAsked')).toBe(world.booked.some(({ type }) => type === 'ReservationRefused') ? 0 : 1);
  expect(world.decided.filter(({ type }) => type === 'PlacementEnded')).toHaveLength(1);
}

describe('an order, its account, its saga and a broker', () => {
  it('end well, whatever happens in whatever order', () => {
    const outcomes = new Map<string, number>();
    const cash = fc.constantFrom('500', '1016', '1200', '100000', '100000', '100000');
    fc.assert(
      fc.property(
        fc.array(choice, { minLength: 20, maxLength: 160, size: 'max' }),
        cash,
        fc.boolean(),
        fc.nat({ max: 5 }),
        (choices, money, ahead, last) => {
          const world = new PlacementWorld(money);
          if (ahead) bringToBroker(world);
          for (const each of choices) happen(world, each);
          settle(world);
          expectQuiet(world);
          endAll(world, last);
          expectQuiet(world);
          expectBalanced(world);
          const { status } = world.order;
          outcomes.set(status as string, (outcomes.get(status as string) ?? 0) + 1);
          const again = new OrderPlacement(world.saga.id).replay(world.saga.uncommittedEvents as OrderPlacementEvent[]);
          expect([again.isEnded, again.dueAt, again.version]).toEqual([true, undefined, world.saga.version]);
        },
      ),
      { numRuns: 200 },
    );
    // The machine is worth its name only if every end is reached.
    expect([...outcomes.keys()].sort()).toEqual(['canceled', 'denied', 'expired', 'filled', 'rejected']);
  });
});
