import {
  placementIdFor,
  tradingControlIdFor,
  type AccountEvent,
  type OrderEvent,
  type Posting,
  type RecordedEvent,
} from '@tradecore/events';
import { add, compare, decimal, subtract, zero, type Decimal } from '@tradecore/money';
import { Account, isTerminal, Order, OrderPlacement, reservationOf, TradingControl } from '@tradecore/trading';
import type { Found } from './at-quiet.ts';
import type { Journal } from '../fleet/journal.ts';

const control = tradingControlIdFor('all');

/** The events of account and placement, for the same execution or order, that must be in an order event's save. */
const companions: Readonly<Record<string, readonly string[]>> = {
  OrderApproved: ['ReservationMade', 'SubmitBrokerOrder'],
  OrderReplaceRequested: ['ReservationChanged'],
  OrderExecuted: ['FillSettled'],
  OrderExecutionBusted: ['FillReversed'],
  OrderExecutionCorrected: ['FillReversed', 'FillSettled'],
};

/** One rule, with its counts. */
class Rule {
  checked = 0;
  readonly wrong: string[] = [];

  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** Counts one check; `fault` describes what is wrong. */
  hold(isRight: boolean, fault: () => string): void {
    this.checked += 1;
    if (!isRight) this.wrong.push(fault());
  }
}

/** Invariants after every single save, checked as it is stored: only for what the save touches, so that it is cheap. */
export class Watch {
  readonly #journal: Journal;
  readonly #rules = {
    postings: new Rule('postings of each event sum to zero'),
    reserved: new Rule('reserved = what the order needs, after every event'),
    whole: new Rule('no decision is half stored'),
    excess: new Rule('an order never trades beyond its total without saying so'),
    halted: new Rule('nothing is approved while trading is halted'),
  };
  /** What is reserved, by order. */
  readonly #reserved = new Map<string, Decimal>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** The findings so far. */
  found(): Found[] {
    return Object.values(this.#rules).map(({ name, checked, wrong }) => ({ name, checked, wrong: [...wrong] }));
  }

  /** Checks one save. */
  see(events: readonly RecordedEvent[]): void {
    for (const event of events) {
      if (event.aggregateType === 'Account') this.#postings(event as RecordedEvent<AccountEvent>);
      else if (event.aggregateType === 'Order') this.#order(event as RecordedEvent<OrderEvent>, events);
    }
    for (const orderId of touched(events)) this.#reservation(orderId);
  }

  /** Each unit sums to zero, and the change of `reserved` is the change of the order's reservation. */
  #postings({ id, type, data }: RecordedEvent<AccountEvent>): void {
    if (!('postings' in data)) return;
    const uneven = unevenIn(data.postings);
    this.#rules.postings.hold(uneven === undefined, () => `${type} ${id}: ${uneven}`);
    if (!('orderId' in data)) return;
    const before = this.#reserved.get(data.orderId) ?? zero;
    const after = reservedAfter(type, data);
    this.#reserved.set(data.orderId, after);
    const moved = sumOf(data.postings.filter(({ book }) => book === 'reserved'));
    const isRight = moved === subtract(after, before);
    this.#rules.reserved.hold(isRight, () => `${type} ${id}: moves ${moved} where ${before} becomes ${after}`);
  }

  #reservation(orderId: string): void {
    const { state, accountId = '' } = this.#journal.live(Order, orderId);
    if (!state) return;
    const needs = reservationOf(state)?.amount ?? zero;
    const has = this.#journal.live(Account, accountId).reservation(orderId)?.amount ?? zero;
    this.#rules.reserved.hold(needs === has, () => `order ${orderId} (${state.status}) needs ${needs}, ${has} is reserved`);
  }

  #order(event: RecordedEvent<OrderEvent>, save: readonly RecordedEvent[]): void {
    const { type, aggregateId, id } = event;
    const missing = this.#missingBeside(event, save);
    this.#rules.whole.hold(missing === undefined, () => `${type} ${id} of order ${aggregateId}: ${missing}`);
    if (type === 'OrderApproved' || type === 'OrderReplaceRequested') {
      const { isHalted } = this.#journal.live(TradingControl, control);
      this.#rules.halted.hold(!isHalted, () => `order ${aggregateId}: ${type} while trading is halted`);
    }
    if (type !== 'OrderExecuted') return;
    const { cumulativeQuantity, excessQuantity } = event.data as { cumulativeQuantity: string; excessQuantity?: string };
    const { state } = this.#journal.live(Order, aggregateId);
    if (!state) return;
    const isExcessive = compare(decimal(cumulativeQuantity), decimal(state.quantity)) > 0;
    const isRight = !isExcessive || excessQuantity !== undefined || state.replacing;
    this.#rules.excess.hold(isRight, () => `order ${aggregateId} of ${state.quantity} trades ${cumulativeQuantity}`);
  }

  /** What is missing in the save of an order's event. */
  #missingBeside({ type, data, aggregateId }: RecordedEvent<OrderEvent>, save: readonly RecordedEvent[]): string | undefined {
    const { executionId, accountVersion } = data as { executionId?: string; accountVersion?: number };
    const missing = companions[type]?.find(
      (wanted) => !save.some((each) => each.type === wanted && isAbout(each, executionId ?? aggregateId)),
    );
    if (missing !== undefined) return `no ${missing} with it`;
    const isThere = ({ aggregateType, aggregateVersion }: RecordedEvent): boolean =>
      aggregateType === 'Account' && aggregateVersion === accountVersion;
    if (accountVersion !== undefined && !save.some(isThere)) return `the account's version ${accountVersion} is not with it`;
    return this.#isOver(aggregateId) ? undefined : 'the order has ended, its placement has not';
  }

  /** The placement has ended if its order has; a denied order has none. */
  #isOver(orderId: string): boolean {
    const { status } = this.#journal.live(Order, orderId);
    if (status === undefined || status === 'denied' || !isTerminal(status)) return true;
    return this.#journal.live(OrderPlacement, this.#placementOf(orderId)).isEnded;
  }

  readonly #placements = new Map<string, string>();

  #placementOf(orderId: string): string {
    const known = this.#placements.get(orderId);
    if (known !== undefined) return known;
    const id = placementIdFor(orderId);
    this.#placements.set(orderId, id);
    return id;
  }
}

/** The orders that a save touches, directly or in their account. */
function touched(events: readonly RecordedEvent[]): Set<string> {
  const orders = new Set<string>();
  for (const event of events) {
    if (event.aggregateType === 'Order') orders.add(event.aggregateId);
    else if (event.aggregateType === 'Account' && 'orderId' in event.data) orders.add(String(event.data.orderId));
  }
  return orders;
}

/** Whether an event of account or placement is about this execution, or without one about this order. */
function isAbout({ data }: RecordedEvent, id: string): boolean {
  const { executionId, orderId } = data as { executionId?: string; orderId?: string };
  return (executionId ?? orderId) === id;
}

function reservedAfter(type: string, data: object): Decimal {
  if (type === 'ReservationReleased') return zero;
  const { amount, reservation } = data as { amount?: string; reservation?: { amount: string } };
  return decimal((type.startsWith('Fill') ? reservation?.amount : amount) ?? zero);
}

const sumOf = (postings: readonly Posting[]): Decimal =>
  postings.reduce<Decimal>((sum, { amount }) => add(sum, decimal(amount)), zero);

/** The first unit whose lines do not sum to zero. */
function unevenIn(postings: readonly Posting[]): string | undefined {
  for (const { kind, unit } of postings) {
    const sum = sumOf(postings.filter((other) => other.kind === kind && other.unit === unit));
    if (sum !== zero) return `${kind} ${unit} is off by ${sum}`;
  }
  return undefined;
}
