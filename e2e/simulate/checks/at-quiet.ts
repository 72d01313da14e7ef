import type { AggregateClass, AnyAggregate } from '@tradecore/event-sourcing';
import {
  foreignOrderIdFor,
  type FillSettled,
  type FundsDeposited,
  type Posting,
  type RecordedEvent,
  type RevisionTerms,
} from '@tradecore/events';
import { add, compare, decimal, isPositive, negate, subtract, zero, type Decimal } from '@tradecore/money';
import { endHere, isSameEnd } from '@tradecore/checks';
import type { ExchangeOrder } from '@tradecore/paper-broker/exchange';
import {
  Account,
  BrokerOrder,
  costOf,
  feeOf,
  isTerminal,
  noPosition,
  notionalOf,
  Order,
  OrderPlacement,
  positionAfter,
  positionWithout,
  reservationOf,
  type Position,
} from '@tradecore/trading';
import { brokerage, brokerAccount, isOpenThere, type BrokerageLine } from '../brokerage-line.ts';
import type { GatewayRows } from '../fleet/gateway-rows.ts';
import type { Journal } from '../fleet/journal.ts';

/** One invariant: how many checks it had, and descriptions of its violations. */
export interface Found {
  readonly name: string;
  readonly checked: number;
  readonly wrong: readonly string[];
}

/** What is checked. */
export interface Evidence {
  readonly journal: Journal;
  readonly line: BrokerageLine;
  readonly rows: GatewayRows;
  readonly placed: readonly string[];
}

/** The brokerage's orders, ours and others, and our executions as it has them now. */
interface There {
  readonly ours: readonly { readonly order: ExchangeOrder; readonly terms: RevisionTerms }[];
  readonly foreign: readonly ExchangeOrder[];
  readonly fills: readonly Fill[];
}

/** An execution as the brokerage has it, with the terms of its revision. */
interface Fill {
  readonly executionId: string;
  readonly quantity: Decimal;
  readonly price: Decimal;
  readonly terms: RevisionTerms;
}

/** The invariants that hold when nothing is under way; orders may rest. With `ended` none rests either. */
export function invariantsAtQuiet(evidence: Evidence, { ended }: { readonly ended: boolean }): Found[] {
  const there = thereIn(evidence);
  const found = [
    booksSumToZero(evidence),
    reservedIsWhatOpenOrdersNeed(evidence),
    moneyAndSharesAreTheExecutions(evidence, there),
    executionsAreBookedAsTheyStand(evidence, there),
    ordersCountTheExecutions(evidence, there),
    nothingIsBeyondTheTotal(evidence, there),
    oneBrokerageOrderAName(evidence, there),
    openHereAsThere(evidence, there),
    stepsHaveARowOrAnAnswer(evidence),
    placementsEndWithTheirOrders(evidence),
    cashAndCostAreTheDeposits(evidence),
  ];
  return ended ? [...found, everyOrderIsTerminal(evidence), nothingIsOpenThere(there), replayIsLive(evidence)] : found;
}

/** Checks `things` with `fault`, which describes what is wrong with one; undefined if nothing is. */
function hold<T>(name: string, things: Iterable<T>, fault: (thing: T) => string | undefined): Found {
  let checked = 0;
  const wrong: string[] = [];
  for (const thing of things) {
    checked += 1;
    const words = fault(thing);
    if (words !== undefined) wrong.push(words);
  }
  return { name, checked, wrong };
}

const aggregatesOf = <A extends AnyAggregate>({ journal }: Evidence, Class: AggregateClass<A>): A[] =>
  (journal.ids.get(Class.type) ?? []).map((id) => journal.live(Class, id));

const ordersOf = ({ journal, placed }: Evidence): Order[] =>
  [...new Set(placed)].map((id) => journal.aggregates.get(id) as Order);

const accountEventsOf = ({ journal }: Evidence): RecordedEvent[] =>
  (journal.ids.get(Account.type) ?? []).flatMap((id) => journal.historyOf(id));

function thereIn({ line, journal }: Evidence): There {
  const ours: There['ours'][number][] = [];
  const foreign: ExchangeOrder[] = [];
  const fills: Fill[] = [];
  for (const order of line.exchange.orders(brokerAccount, { status: 'all', limit: Number.MAX_SAFE_INTEGER })) {
    const terms = (journal.aggregates.get(order.clientOrderId) as BrokerOrder | undefined)?.terms;
    if (!terms) {
      foreign.push(order);
      continue;
    }
    ours.push({ order, terms });
    for (const { executionId, quantity, price } of line.executions.get(order.id) ?? []) {
      fills.push({ executionId, quantity: decimal(quantity), price: decimal(price), terms });
    }
  }
  return { ours, foreign, fills };
}

function sumsByUnit(postings: Iterable<Posting>): Map<string, Decimal> {
  const sums = new Map<string, Decimal>();
  for (const { kind, unit, amount } of postings) {
    const key = `${kind} ${unit}`;
    sums.set(key, add(sums.get(key) ?? zero, decimal(amount)));
  }
  return sums;
}

const firstUneven = (postings: Iterable<Posting>): string | undefined =>
  [...sumsByUnit(postings)].find(([, sum]) => sum !== zero)?.join(' is off by ');

function booksSumToZero(evidence: Evidence): Found {
  return hold('the books of each account sum to zero', aggregatesOf(evidence, Account), ({ id, balances }) => {
    const uneven = firstUneven(balances);
    return uneven && `account ${id}: ${uneven}`;
  });
}

/** Amounts by account and unit. */
class Amounts {
  readonly #byAccount = new Map<string, Map<string, Decimal>>();

  add(account: string, unit: string, amount: Decimal): void {
    const units = this.of(account);
    units.set(unit, add(units.get(unit) ?? zero, amount));
  }

  of(account: string): Map<string, Decimal> {
    const known = this.#byAccount.get(account);
    if (known) return known;
    const fresh = new Map<string, Decimal>();
    this.#byAccount.set(account, fresh);
    return fresh;
  }

  /** A description of the first unit whose amount differs. */
  otherThan(account: string, has: ReadonlyMap<string, Decimal>): string | undefined {
    const should = this.of(account);
    const off = [...new Set([...has.keys(), ...should.keys()])].find(
      (unit) => (has.get(unit) ?? zero) !== (should.get(unit) ?? zero),
    );
    return off && `${has.get(off) ?? zero} ${off} instead of ${should.get(off) ?? zero}`;
  }
}

const unitOf = ({ side, symbol }: Pick<RevisionTerms, 'side' | 'symbol'>): string =>
  side === 'sell' ? `symbol ${symbol}` : 'currency USD';

function reservedIsWhatOpenOrdersNeed(evidence: Evidence): Found {
  const needs = new Amounts();
  for (const { state, accountId = '' } of ordersOf(evidence)) {
    const reservation = state && reservationOf(state);
    if (reservation) needs.add(accountId, unitOf(reservation), decimal(reservation.amount));
  }
  return hold("reserved = open orders' remaining value", aggregatesOf(evidence, Account), ({ id, balances }) => {
    const wrong = needs.otherThan(id, sumsByUnit(balances.filter(({ book }) => book === 'reserved')));
    return wrong && `account ${id} reserves ${wrong}`;
  });
}

function moneyAndSharesAreTheExecutions(evidence: Evidence, { fills }: There): Found {
  const expected = new Amounts();
  for (const { aggregateId, type, data } of accountEventsOf(evidence)) {
    const { amount } = data as FundsDeposited['data'];
    if (type === 'FundsDeposited') expected.add(aggregateId, 'currency USD', decimal(amount));
    if (type === 'FundsWithdrawn') expected.add(aggregateId, 'currency USD', negate(decimal(amount)));
  }
  for (const { quantity, price, terms } of fills) {
    const notional = notionalOf(quantity, price);
    const isBuy = terms.side === 'buy';
    const money = isBuy ? negate(costOf(quantity, price)) : subtract(notional, feeOf(notional));
    expected.add(terms.accountId, 'currency USD', money);
    expected.add(terms.accountId, `symbol ${terms.symbol}`, isBuy ? quantity : negate(quantity));
  }
  return hold('money and shares = deposits and executions as they stand', aggregatesOf(evidence, Account), ({ id, balances }) => {
    const owned = balances.filter(({ book }) => book === 'available' || book === 'reserved');
    const wrong = expected.otherThan(id, sumsByUnit(owned));
    return wrong && `account ${id} has ${wrong}`;
  });
}

/** Settled once more than reversed, with the brokerage's figures; equally often if it was busted. */
function executionsAreBookedAsTheyStand(evidence: Evidence, { fills }: There): Found {
  const booked = new Map<string, { times: number; figures: string }>();
  for (const { type, data } of accountEventsOf(evidence)) {
    if (type !== 'FillSettled' && type !== 'FillReversed') continue;
    const { executionId, quantity, price } = data as FillSettled['data'];
    const before = booked.get(executionId) ?? { times: 0, figures: '' };
    booked.set(
      executionId,
      type === 'FillSettled'
        ? { times: before.times + 1, figures: `${quantity} at ${price}` }
        : { times: before.times - 1, figures: before.figures },
    );
  }
  const standing = new Map(fills.map(({ executionId, quantity, price }) => [executionId, `${quantity} at ${price}`]));
  const all = new Set([...standing.keys(), ...booked.keys()]);
  return hold('every execution is booked once, as it stands', all, (id) => {
    const { times, figures } = booked.get(id) ?? { times: 0, figures: '' };
    const there = standing.get(id);
    if (there === undefined) return times === 0 ? undefined : `execution ${id} was busted, and is booked ${times} times`;
    return times === 1 && figures === there ? undefined : `execution ${id} is ${there}, booked ${times} times as ${figures}`;
  });
}

function filledThere(fills: readonly Fill[]): Map<string, Decimal> {
  const filled = new Map<string, Decimal>();
  for (const { quantity, terms } of fills) filled.set(terms.orderId, add(filled.get(terms.orderId) ?? zero, quantity));
  return filled;
}

function ordersCountTheExecutions(evidence: Evidence, { fills }: There): Found {
  const filled = filledThere(fills);
  return hold("an order's filled quantity is the brokerage's", ordersOf(evidence), ({ id, filledQuantity }) =>
    filledQuantity === (filled.get(id) ?? zero)
      ? undefined
      : `order ${id} counts ${filledQuantity}, the brokerage ${filled.get(id) ?? 0}`,
  );
}

/**
 * Traded and still tradable shares are at most the client's total; if the brokerage traded more by its own fault, the
 * order says so.
 */
function nothingIsBeyondTheTotal(evidence: Evidence, { ours, fills }: There): Found {
  const filled = filledThere(fills);
  const open = new Map<string, Decimal>();
  const theirs = new Set<string>();
  for (const { order, terms } of ours) {
    if (evidence.line.beyond.has(order.clientOrderId)) theirs.add(terms.orderId);
    if (!isOpenThere(order)) continue;
    const leaves = subtract(order.qty, order.filledQty);
    open.set(terms.orderId, add(open.get(terms.orderId) ?? zero, leaves));
  }
  return hold("nothing trades beyond the client's total", ordersOf(evidence), ({ id, state, status }) => {
    const [traded, leaves] = [filled.get(id) ?? zero, open.get(id) ?? zero];
    const total = decimal(state?.quantity ?? zero);
    if (compare(add(traded, leaves), total) <= 0) return undefined;
    const words = `order ${id} of ${total} (${status}): ${traded} traded, ${leaves} open`;
    if (!theirs.has(id)) return `${words}, not by the brokerage itself`;
    if (compare(traded, total) <= 0) return undefined;
    return saysExcess(evidence, id) && !isPositive(leaves) ? undefined : words;
  });
}

const saysExcess = ({ journal }: Evidence, orderId: string): boolean =>
  journal.live(Order, orderId).status === 'overfilled' || journal.historyOf(orderId).some(({ data }) => 'excessQuantity' in data);

function oneBrokerageOrderAName({ journal }: Evidence, { ours, foreign }: There): Found {
  const names = Map.groupBy(ours, ({ order }) => order.clientOrderId);
  const twice = hold('one brokerage order a client order id, and none that we do not know', names, ([name, orders]) =>
    orders.length === 1 ? undefined : `the brokerage has ${orders.length} orders of the name ${name}`,
  );
  const unknown = foreign.flatMap(({ id, clientOrderId }) =>
    clientOrderId.startsWith('by-hand') && journal.historyOf(foreignOrderIdFor(brokerage, id)).length === 1
      ? []
      : [`the brokerage has an order ${clientOrderId} that no step sent`],
  );
  return { ...twice, wrong: [...twice.wrong, ...unknown] };
}

/** An order open here is open there, and one that ended here has ended there in the same way. */
function openHereAsThere({ journal }: Evidence, { ours }: There): Found {
  return hold('a revision is open here as it is at the brokerage, or ended as there', ours, ({ order }) => {
    const revision = journal.live(BrokerOrder, order.clientOrderId);
    const there = { status: order.status, filled: order.filledQty, total: order.qty };
    if (isOpenThere(order) ? revision.isOpen : isSameEnd(endHere(revision), there)) return undefined;
    return `revision ${order.clientOrderId} is ${revision.progress} here, ${order.status} at the brokerage`;
  });
}

function stepsHaveARowOrAnAnswer(evidence: Evidence): Found {
  const steps = aggregatesOf(evidence, OrderPlacement).flatMap((placement) => (placement.isEnded ? [] : placement.steps));
  return hold('every open step has a row or an answer', steps, ({ type, data }) =>
    evidence.rows.has(data) ? undefined : `${type} ${data.commandId} of ${data.target} has neither`,
  );
}

function placementsEndWithTheirOrders({ journal, ...evidence }: Evidence): Found {
  const placements = aggregatesOf({ journal, ...evidence }, OrderPlacement);
  return hold('a placement ends when its order does', placements, (placement) => {
    const [started] = journal.historyOf(placement.id);
    const orderId = String((started?.data as { orderId?: string } | undefined)?.orderId);
    const { status } = journal.live(Order, orderId);
    const isOver = status !== undefined && isTerminal(status);
    return placement.isEnded === isOver
      ? undefined
      : `order ${orderId} is ${status}, its placement ${placement.isEnded ? 'has ended' : 'is open'}`;
  });
}

/** Cash plus the cost of holdings, less realised profit, is deposits less withdrawals. */
function cashAndCostAreTheDeposits(evidence: Evidence): Found {
  const { journal } = evidence;
  return hold('cash + cost - realised = deposits - withdrawals', aggregatesOf(evidence, Account), ({ id, balances }) => {
    const positions = new Map<string, Position>();
    for (const { type, data } of journal.historyOf(id)) {
      if (type !== 'FillSettled' && type !== 'FillReversed') continue;
      const fill = data as FillSettled['data'];
      const before = positions.get(fill.symbol) ?? noPosition;
      positions.set(fill.symbol, (type === 'FillSettled' ? positionAfter : positionWithout)(before, fill));
    }
    const outside = sumsByUnit(balances.filter(({ book }) => book === 'outside')).get('currency USD') ?? zero;
    const owned = balances.filter(({ book, kind }) => kind === 'currency' && (book === 'available' || book === 'reserved'));
    const worth = [...positions.values()].reduce(
      (sum, { costBasis, realised }) => subtract(add(sum, decimal(costBasis)), decimal(realised)),
      sumsByUnit(owned).get('currency USD') ?? zero,
    );
    return worth === negate(outside) ? undefined : `account ${id}: ${worth}, paid in were ${negate(outside)}`;
  });
}

function nothingIsOpenThere({ ours }: There): Found {
  return hold('nothing of ours is open at the brokerage in the end', ours, ({ order, terms }) =>
    isOpenThere(order) ? `order ${terms.orderId}: its revision ${terms.revision} is ${order.status} there` : undefined,
  );
}

/** Each of the first thousands is replayed, of the others one in ten: replay takes as long as the run. */
function replayIsLive({ journal }: Evidence): Found {
  const some = [...journal.histories].filter((_, index) => index < 3000 || index % 10 === 0);
  return hold('what is replayed is what is alive', some, ([id, history]) => {
    const live = journal.aggregates.get(id);
    if (!live) return `nobody has ${id}`;
    const replayed = new (live.constructor as unknown as new (id: string) => AnyAggregate)(id);
    replayed.replay(history as never);
    return isSame(visible(replayed), visible(live)) ? undefined : `${live.constructor.name} ${id} differs when it is replayed`;
  });
}

/** Everything that an aggregate shows: its snapshot state, if it has one, and all its getters. */
function visible(aggregate: AnyAggregate): readonly unknown[] {
  const state = 'toSnapshot' in aggregate ? (aggregate.toSnapshot as () => unknown)() : undefined;
  return [{ ...aggregate }, state, ...gettersOf(aggregate).map((name) => Reflect.get(aggregate, name) as unknown)];
}

const getters = new Map<object, readonly string[]>();

function gettersOf(aggregate: object): readonly string[] {
  const prototype = Reflect.getPrototypeOf(aggregate) ?? {};
  const known = getters.get(prototype);
  if (known) return known;
  const described = Object.entries(Object.getOwnPropertyDescriptors(prototype));
  const names = described.flatMap(([name, { get }]) => (get ? [name] : []));
  getters.set(prototype, names);
  return names;
}

/** Whether two values are equal. Most values in two aggregates are the same objects, which is quick to see. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (!isObject(one) || !isObject(other)) return false;
  if ('entries' in one && !Array.isArray(one)) return isSame(partsOf(one), partsOf(other));
  // An event as decided, and as recorded.
  if ('schemaVersion' in one) return isSame(dataOf(one), dataOf(other));
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length) return false;
  return names.every((name) => isSame(Reflect.get(one, name), Reflect.get(other, name)));
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const partsOf = (value: object): unknown[] =>
  'entries' in value ? [...(value as { entries(): Iterable<unknown> }).entries()] : [];
const dataOf = (event: object): unknown => [Reflect.get(event, 'type'), Reflect.get(event, 'data')];

function everyOrderIsTerminal(evidence: Evidence): Found {
  return hold('every order is terminal', ordersOf(evidence), ({ id, status }) =>
    status !== undefined && isTerminal(status) ? undefined : `order ${id} is ${status}`,
  );
}
