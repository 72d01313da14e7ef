import { placementIdFor, type Step } from '@tradecore/events';
import { add, compare, decimal, subtract, zero, type Decimal } from '@tradecore/money';
import { isTerminal, type OrdStatus } from '@tradecore/trading';
import { endHere, isSameEnd, type End } from './ends.ts';
import { addTo, ofAggregate, ofType } from './facts.ts';
import type { Line } from './line.ts';
import { stepsAtTheGateway } from './views.ts';
import type { BrokerageOrderSeen, Facts, Witnesses } from './witnesses.ts';

/** How long a step may take to reach the gateway. */
const stepAgeMs = 10_000;

/** The orders in store, read models and brokerage. */
export async function orderLines(
  { readModels }: Witnesses,
  { stored, orders, brokerOrders, atBrokerage }: Facts,
): Promise<Line[]> {
  const seen = await readModels.orders();
  const taken = brokerOrders.filter(
    ({ brokerageOrderId, progress }) => brokerageOrderId !== undefined && progress !== 'rejected',
  );
  const ends = new Map(taken.map((order) => [order.id, endHere(order)]));
  const names = atBrokerage?.orders.map(({ client_order_id: name }) => name);
  const steps = new Set(stepsOf(stored).map(({ target }) => target));
  return [
    { what: 'orders', store: `${orders.length}`, reads: `${seen.length}` },
    {
      what: 'terminal orders',
      store: `${orders.filter(({ status }) => status && isTerminal(status)).length}`,
      reads: `${seen.filter(({ status }) => isTerminal(status as OrdStatus)).length}`,
    },
    {
      what: 'orders and their status',
      store: orders.map(({ id, status = '' }) => `${id} ${status}`),
      reads: seen.map(({ id, status }) => `${id} ${status}`),
    },
    {
      what: 'orders that traded beyond their total',
      store: orders.filter(({ filledQuantity, terms }) => isBeyond(filledQuantity, terms?.quantity)).map(({ id }) => id),
      mustBe: [],
      reads: seen.filter(({ filledQuantity, quantity }) => isBeyond(decimal(filledQuantity), quantity)).map(({ id }) => id),
    },
    {
      what: 'orders that the brokerage accepted, and their final status',
      store: taken.map(({ id, progress }) => `${id} ${progress}`),
      brokerage: atBrokerage?.orders
        .filter(({ status }) => status !== 'rejected')
        .map((there) => endThere(there, ends.get(there.client_order_id))),
    },
    {
      what: 'names used twice, names without a step',
      store: '0, 0',
      brokerage: names && `${names.length - new Set(names).size}, ${names.filter((name) => !steps.has(name)).length}`,
    },
  ];
}

/** The order and its status; the gateway's word for it if both say the same. */
function endThere({ client_order_id: id, status, filled_qty, qty }: BrokerageOrderSeen, here: End | undefined): string {
  const isSame = here !== undefined && isSameEnd(here, { status, filled: decimal(filled_qty), total: decimal(qty) });
  return `${id} ${isSame ? here.status : status}`;
}

const isBeyond = (filled: Decimal, total: string | undefined): boolean => compare(filled, decimal(total ?? zero)) > 0;

/**
 * Each execution as it is now, busts and corrections included: reported, recorded in its order, booked in its account,
 * listed.
 */
export async function executionLines({ readModels }: Witnesses, facts: Facts): Promise<Line[]> {
  const { stored, orders, atBrokerage } = facts;
  const executions = await readModels.executions();
  const brokerage = atBrokerage?.fills.map(({ id, qty, price }) => `${id} ${decimal(qty)} at ${decimal(price)}`);
  const recorded = orders.flatMap(({ executions: all }) => all.entries()).filter(([, { quantity }]) => quantity !== zero);
  const counted = (busts: string, corrections: string): string =>
    `${ofType(stored, busts).length}, ${ofType(stored, corrections).length}`;
  const amended = ofType(stored, 'OrderExecutionBusted').length + ofType(stored, 'OrderExecutionCorrected').length;
  return [
    { what: 'executions as the gateway reported them', store: reported(facts), brokerage },
    { what: 'executions as their orders have them', store: recorded.map(asText), mustBe: reported(facts), brokerage },
    {
      what: 'executions booked once, as they stand',
      store: booked(facts),
      mustBe: reported(facts),
      brokerage,
      reads: executions.map(({ id, quantity, price }) => `${id} ${decimal(quantity)} at ${decimal(price)}`),
    },
    {
      what: 'busts, corrections',
      store: counted('ExecutionBusted', 'ExecutionCorrected'),
      mustBe: counted('OrderExecutionBusted', 'OrderExecutionCorrected'),
    },
    { what: 'bookings reversed', store: `${ofType(stored, 'FillReversed').length}`, mustBe: `${amended}` },
  ];
}

interface Figures {
  readonly executionId: string;
  readonly quantity: string;
  readonly price: string;
}

const asText = ([id, { quantity, price }]: readonly [string, Pick<Figures, 'quantity' | 'price'>]): string =>
  `${id} ${quantity} at ${price}`;

/** The latest state of each execution, by the BrokerOrders. */
function reported({ stored }: Facts): string[] {
  const standing = new Map<string, Figures>();
  for (const { type, data } of ofAggregate(stored, 'BrokerOrder')) {
    const figures = data as unknown as Figures;
    if (type === 'ExecutionReported' || type === 'ExecutionCorrected') standing.set(figures.executionId, figures);
    if (type === 'ExecutionBusted') standing.delete(figures.executionId);
  }
  return [...standing].map(asText);
}

/**
 * The bookings in the accounts: an execution booked twice, or reversed without a booking, counts as more or less than
 * one.
 */
function booked({ stored }: Facts): string[] {
  const standing = new Map<string, Figures[]>();
  for (const { type, data } of ofAggregate(stored, 'Account')) {
    const figures = data as unknown as Figures;
    const before = standing.get(figures.executionId) ?? [];
    if (type === 'FillSettled') standing.set(figures.executionId, [...before, figures]);
    if (type !== 'FillReversed') continue;
    const at = before.findIndex((each) => asText(['', each]) === asText(['', figures]));
    standing.set(figures.executionId, at < 0 ? [...before, { ...figures, price: 'reversed only' }] : before.toSpliced(at, 1));
  }
  return [...standing].flatMap(([id, all]) => all.map((each) => asText([id, each])));
}

/** Shares by account and symbol, from the executions of orders. */
export function signedExecutions({ orders }: Facts): string[] {
  const shares = new Map<string, Decimal>();
  for (const { accountId, terms, executions } of orders) {
    for (const [, { quantity }] of executions.entries())
      addShares(shares, `${accountId} ${terms?.symbol}`, terms?.side, quantity);
  }
  return held(shares);
}

/** Shares by account and symbol, from the brokerage's fills: it knows revisions, and the steps tell whose they are. */
export function signedFills({ stored, atBrokerage }: Facts): string[] | undefined {
  if (!atBrokerage) return undefined;
  const { orders, fills } = atBrokerage;
  const nameOf = new Map(orders.map(({ id, client_order_id: name }) => [id, name]));
  const accountOf = new Map(stepsOf(stored).map(({ target, accountId }) => [target, accountId]));
  const shares = new Map<string, Decimal>();
  for (const { order_id: id, symbol, side, qty } of fills) {
    addShares(shares, `${accountOf.get(nameOf.get(id) ?? '')} ${symbol}`, side, qty);
  }
  return held(shares);
}

const addShares = (shares: Map<string, Decimal>, key: string, side: 'buy' | 'sell' | undefined, quantity: string): void =>
  addTo(shares, key, side === 'sell' ? subtract(zero, decimal(quantity)) : decimal(quantity));

const held = (shares: ReadonlyMap<string, Decimal>): string[] =>
  [...shares].filter(([, quantity]) => quantity !== zero).map(([key, quantity]) => `${key} ${quantity}`);

interface StoredStep extends Step {
  readonly accountId: string;
  readonly time: string;
}

const stepTypes = ['SubmitBrokerOrder', 'ReplaceBrokerOrder', 'CancelBrokerOrder'];

/** Every step requested, each attempt. */
const stepsOf = (stored: Facts['stored']): StoredStep[] =>
  stored
    .filter(({ type }) => stepTypes.includes(type))
    .map(({ data, time }) => ({ ...(data as Step & { accountId: string }), time }));

/** Placements end with their orders; no step is lost between saga and gateway. */
export async function placementLines({ database }: Witnesses, { stored, orders, brokerOrders }: Facts): Promise<Line[]> {
  const answered = new Set(
    ofAggregate(stored, 'BrokerOrder').flatMap(({ data }) => {
      const { answers, opening } = data as { answers?: string; opening?: { commandId: string } };
      return [answers, opening?.commandId];
    }),
  );
  const ended = new Set(brokerOrders.filter(({ isOpen }) => !isOpen).map(({ id }) => id));
  const rows = await stepsAtTheGateway(database);
  const latest = Date.now() - stepAgeMs;
  const lost = stepsOf(stored).filter(
    ({ time, target, commandId }) =>
      Date.parse(time) < latest && !ended.has(target) && !answered.has(commandId) && !rows.has(commandId),
  );
  const idsOf = (type: string): Set<string> => new Set(ofType(stored, type).map(({ aggregateId }) => aggregateId));
  const [approved, over] = [idsOf('OrderApproved'), idsOf('PlacementEnded')];
  const open = orders.filter(
    ({ id, status }) => approved.has(id) && status && isTerminal(status) && !over.has(placementIdFor(id)),
  );
  return [
    { what: 'ended orders with an open placement', store: open.map(({ id }) => id), mustBe: [] },
    { what: 'steps without a row or an answer', store: lost.map(({ commandId }) => commandId), mustBe: [] },
  ];
}

/** Money that the order's executions moved, as booked: received less paid, fees included. */
export const movedBy = (order: Facts['orders'][number]): Decimal =>
  order.executions.entries().reduce<Decimal>((sum, [, { quantity, notional, fee }]) => {
    if (quantity === zero) return sum;
    const [value, cost] = [decimal(notional), decimal(fee)];
    return order.terms?.side === 'sell' ? add(sum, subtract(value, cost)) : subtract(sum, add(value, cost));
  }, zero);
