import type { AggregateClass, AnyAggregate } from '@tradecore/event-sourcing';
import type { FundsDeposited, OrderApproved, OrderReplaceRequested, Posting, RecordedEvent } from '@tradecore/events';
import { add, decimal, negate, subtract, zero, type Decimal } from '@tradecore/money';
import { isOpen } from '@tradecore/paper-broker/exchange';
import {
  costOf,
  feeOf,
  isTerminal,
  notionalOf,
  reservedFor,
  type Account,
  type BrokerOrder,
  type Order,
} from '@tradecore/trading';
import { brokerAccount, type BrokerLine } from './broker-line.ts';
import type { Journal } from './journal.ts';
import type { Deciders } from './participants.ts';

/** One invariant: how many things it was held against, and what was wrong, in words. */
export interface Found {
  readonly name: string;
  readonly checked: number;
  readonly wrong: readonly string[];
}

/** What is looked at. */
export interface Evidence {
  readonly journal: Journal;
  readonly line: BrokerLine;
  readonly classes: Deciders;
  readonly placed: readonly string[];
}

/** An execution as the broker has it, with the revision that it belongs to. */
interface Fill {
  readonly executionId: string;
  readonly quantity: Decimal;
  readonly price: Decimal;
  readonly revision: NonNullable<BrokerOrder['terms']>;
}

/** The invariants that hold whenever nothing is under way; orders may rest. `ended`: none rests any more either. */
export function invariantsAtQuiet(evidence: Evidence, { ended }: { readonly ended: boolean }): Found[] {
  const fills = fillsOf(evidence);
  const found = [
    postingsSumToZero(evidence),
    reservedIsWhatOpenOrdersNeed(evidence),
    moneyAndSharesAreTheFills(evidence, fills),
    everyFillIsSettledOnce(evidence, fills),
    ordersCountTheFills(evidence, fills),
    oneBrokerOrderAName(evidence),
    revisionsStandAsAtTheBroker(evidence),
    sagasEndWithTheirOrders(evidence),
  ];
  return ended ? [...found, everyOrderIsTerminal(evidence), replayIsLive(evidence)] : found;
}

/** Holds `things` against `fault`, which says what is wrong with one; undefined when nothing is. */
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

const aggregatesOf = <A extends AnyAggregate>({ journal }: Evidence, { type }: AggregateClass<A>): A[] =>
  [...journal.aggregates.values()].filter(
    (each) => (each.constructor as unknown as AggregateClass<A>).type === type && each.version > 0,
  ) as unknown as A[];

const accountsOf = (evidence: Evidence): Account[] => aggregatesOf(evidence, evidence.classes.Account);
const ordersOf = ({ journal, placed }: Evidence): Order[] => placed.map((id) => journal.aggregates.get(id) as Order);

function fillsOf({ line, journal }: Evidence): Fill[] {
  const fills: Fill[] = [];
  for (const { id, clientOrderId } of line.exchange.orders(brokerAccount, everything)) {
    const revision = (journal.aggregates.get(clientOrderId) as BrokerOrder | undefined)?.terms;
    for (const { executionId, quantity, price } of line.executions.get(id) ?? []) {
      if (revision) fills.push({ executionId, quantity: decimal(quantity), price: decimal(price), revision });
    }
  }
  return fills;
}

const everything = { status: 'all', limit: Number.MAX_SAFE_INTEGER } as const;

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

function postingsSumToZero(evidence: Evidence): Found {
  const events = [...evidence.journal.eventsOf('Account')].flatMap(({ id, type, data }) =>
    'postings' in data ? [{ what: `${type} ${id}`, postings: data.postings as Posting[] }] : [],
  );
  const accounts = accountsOf(evidence).map(({ id, balances }) => ({ what: `account ${id}`, postings: balances }));
  return hold('postings sum to zero', [...events, ...accounts], ({ what, postings }) => {
    const uneven = firstUneven(postings);
    return uneven && `${what}: ${uneven}`;
  });
}

/** Price a share at which money is held for an order: that of its approval, or of the last replace that came to hold. */
function reservePriceOf({ journal }: Evidence, order: Order): string {
  const history = (journal.histories.get(order.id) ?? []) as RecordedEvent<OrderApproved | OrderReplaceRequested>[];
  const inForce = history.filter(
    ({ type, data }) =>
      type === 'OrderApproved' || (type === 'OrderReplaceRequested' && 'revision' in data && data.revision === order.revision),
  );
  return inForce.at(-1)?.data.reservePrice ?? zero;
}

function reservedIsWhatOpenOrdersNeed(evidence: Evidence): Found {
  const needs = new Map<string, Map<string, Decimal>>();
  for (const order of ordersOf(evidence)) {
    const { terms, status, accountId = '' } = order;
    if (!terms || status === undefined || isTerminal(status)) continue;
    const open = subtract(decimal(terms.quantity), order.filledQuantity);
    const [unit, need] =
      terms.side === 'sell'
        ? [`symbol ${terms.symbol}`, open]
        : ['currency USD', reservedFor(open, decimal(reservePriceOf(evidence, order)))];
    const ofAccount = needs.get(accountId) ?? new Map<string, Decimal>();
    needs.set(accountId, ofAccount.set(unit, add(ofAccount.get(unit) ?? zero, need)));
  }
  return hold("reserved = open orders' remaining value", accountsOf(evidence), ({ id, balances }) => {
    const held = sumsByUnit(balances.filter(({ book }) => book === 'reserved'));
    const need = needs.get(id) ?? new Map<string, Decimal>();
    const off = [...new Set([...held.keys(), ...need.keys()])].find(
      (unit) => (held.get(unit) ?? zero) !== (need.get(unit) ?? zero),
    );
    return off && `account ${id} holds ${held.get(off) ?? 0} ${off}, its orders need ${need.get(off) ?? 0}`;
  });
}

function moneyAndSharesAreTheFills(evidence: Evidence, fills: readonly Fill[]): Found {
  const expected = new Map<string, Map<string, Decimal>>();
  const book = (account: string, unit: string, amount: Decimal): void => {
    const ofAccount = expected.get(account) ?? new Map<string, Decimal>();
    expected.set(account, ofAccount.set(unit, add(ofAccount.get(unit) ?? zero, amount)));
  };
  for (const { aggregateId, type, data } of evidence.journal.eventsOf('Account')) {
    const { amount } = data as FundsDeposited['data'];
    if (type === 'FundsDeposited') book(aggregateId, 'currency USD', decimal(amount));
    if (type === 'FundsWithdrawn') book(aggregateId, 'currency USD', negate(decimal(amount)));
  }
  for (const { quantity, price, revision } of fills) {
    const notional = notionalOf(quantity, price);
    const money = revision.side === 'buy' ? negate(costOf(quantity, price)) : subtract(notional, feeOf(notional));
    book(revision.accountId, 'currency USD', money);
    book(revision.accountId, `symbol ${revision.symbol}`, revision.side === 'buy' ? quantity : negate(quantity));
  }
  return hold('money = deposits and fills, shares = signed fills', accountsOf(evidence), ({ id, balances }) => {
    const owned = sumsByUnit(balances.filter(({ book: name }) => name === 'available' || name === 'reserved'));
    const should = expected.get(id) ?? new Map<string, Decimal>();
    const off = [...new Set([...owned.keys(), ...should.keys()])].find(
      (unit) => (owned.get(unit) ?? zero) !== (should.get(unit) ?? zero),
    );
    return off && `account ${id} has ${owned.get(off) ?? 0} ${off}, the broker's fills make ${should.get(off) ?? 0}`;
  });
}

function everyFillIsSettledOnce({ journal }: Evidence, fills: readonly Fill[]): Found {
  const settled = new Map<string, number>();
  for (const { type, data } of journal.eventsOf('Account')) {
    if (type !== 'FillSettled' || !('executionId' in data)) continue;
    settled.set(String(data.executionId), (settled.get(String(data.executionId)) ?? 0) + 1);
  }
  const made = new Set(fills.map(({ executionId }) => executionId));
  const all = new Set([...made, ...settled.keys()]);
  return hold('every fill is settled once', all, (id) => {
    const times = settled.get(id) ?? 0;
    return times === 1 && made.has(id)
      ? undefined
      : `execution ${id}: ${made.has(id) ? '' : 'unknown at the broker, '}settled ${times} times`;
  });
}

function ordersCountTheFills(evidence: Evidence, fills: readonly Fill[]): Found {
  const filled = new Map<string, Decimal>();
  for (const { quantity, revision } of fills) filled.set(revision.orderId, add(filled.get(revision.orderId) ?? zero, quantity));
  return hold("an order's filled quantity is the broker's", ordersOf(evidence), ({ id, filledQuantity }) =>
    filledQuantity === (filled.get(id) ?? zero)
      ? undefined
      : `order ${id} counts ${filledQuantity}, the broker ${filled.get(id) ?? 0}`,
  );
}

function oneBrokerOrderAName({ line, journal }: Evidence): Found {
  const names = Map.groupBy(line.exchange.orders(brokerAccount, everything), ({ clientOrderId }) => clientOrderId);
  return hold('one broker order a client order id, and none that we do not know', names, ([name, orders]) => {
    if (!journal.histories.has(name)) return `the broker has an order ${name} that nobody asked for`;
    return orders.length === 1 ? undefined : `the broker has ${orders.length} orders of the name ${name}`;
  });
}

/** What we work is worked there, and what has ended here has ended there. */
function revisionsStandAsAtTheBroker({ line, journal }: Evidence): Found {
  return hold('a revision is open here as it is at the broker', line.exchange.orders(brokerAccount, everything), (order) => {
    const revision = journal.aggregates.get(order.clientOrderId) as BrokerOrder | undefined;
    return revision?.isOpen === isOpen(order)
      ? undefined
      : `revision ${order.clientOrderId} is ${revision?.progress} here, ${order.status} at the broker`;
  });
}

function sagasEndWithTheirOrders(evidence: Evidence): Found {
  const { OrderPlacement } = evidence.classes;
  const histories = evidence.journal.histories;
  return hold('a saga ends when its order does', aggregatesOf(evidence, OrderPlacement), (saga) => {
    const [started] = histories.get(saga.id) ?? [];
    const orderId = String((started?.data as { orderId?: string } | undefined)?.orderId);
    const { status } = evidence.journal.aggregates.get(orderId) as Order;
    const isOver = status !== undefined && isTerminal(status);
    return saga.isEnded === isOver
      ? undefined
      : `order ${orderId} is ${status}, its saga ${saga.id} ${saga.isEnded ? 'has ended' : 'goes on'}`;
  });
}

/** Of the first thousands each is replayed, of the others one in ten: it takes as long as to have lived it. */
function replayIsLive({ journal }: Evidence): Found {
  const some = [...journal.histories].filter((_, index) => index < 5000 || index % 10 === 0);
  return hold('what is replayed is what is alive', some, ([id, history]) => {
    const live = journal.aggregates.get(id);
    if (!live) return `nobody has ${id}`;
    const replayed = new (live.constructor as unknown as new (id: string) => AnyAggregate)(id);
    replayed.replay(history as never);
    return visible(replayed) === visible(live) ? undefined : `${live.constructor.name} ${id} differs when it is replayed`;
  });
}

/** All that an aggregate shows, as text: its own fields, and its state where it has a snapshot. `now` is what its last caller said. */
function visible(aggregate: AnyAggregate): string {
  const state = 'toSnapshot' in aggregate ? (aggregate as unknown as Account).toSnapshot() : undefined;
  return JSON.stringify({ ...aggregate, version: aggregate.version, state, now: undefined }, (_, value: unknown) => {
    if (value instanceof Map || value instanceof Set) return [...(value as Iterable<unknown>)];
    if (typeof value !== 'object' || value === null || !('schemaVersion' in value)) return value;
    const { type, data } = value as RecordedEvent;
    return { type, data };
  });
}

function everyOrderIsTerminal(evidence: Evidence): Found {
  return hold('every order is terminal', ordersOf(evidence), ({ id, status }) =>
    status !== undefined && isTerminal(status) ? undefined : `order ${id} is ${status}`,
  );
}
