import { add, compare, multiply, subtract, zero, type Decimal } from '@tradecore/money';
import fc from 'fast-check';
import {
  Exchange,
  isOpen,
  orderFaults,
  Refusal,
  type Change,
  type OrderRequest,
  type Update,
  type ExchangeOrder,
} from './index.ts';

const start = Date.parse('2025-07-01T14:00:00Z');
const accounts = ['a', 'b'] as const;
const symbols = ['ACME', 'KO'] as const;

/** One action; numbers choose among existing orders and executions. */
type Action =
  | { do: 'submit'; account: string; request: Omit<OrderRequest, 'clientOrderId'> }
  | { do: 'cancel'; nth: number }
  | { do: 'bust'; nth: number }
  | { do: 'correct'; nth: number }
  | { do: 'replace'; nth: number; qty: string; limitPrice?: string }
  | { do: 'fault'; kind: (typeof orderFaults)[number]; times: number }
  | { do: 'price'; symbol: string; price: string }
  | { do: 'halt'; symbol: string; halted: boolean }
  | { do: 'work' | 'tick' | 'tomorrow' };

const cents = (least: number, most: number) => fc.integer({ min: least * 100, max: most * 100 }).map((n) => (n / 100).toFixed(2));
const symbol = fc.constantFrom(...symbols);
const nth = fc.nat(1000);
const qty = fc.integer({ min: 1, max: 40 }).map(String);

const request = fc
  .record({
    symbol,
    // Sales need shares: most orders buy.
    side: fc.constantFrom('buy' as const, 'buy' as const, 'buy' as const, 'sell' as const),
    type: fc.constantFrom('market' as const, 'limit' as const, 'stop' as const, 'stop_limit' as const),
    timeInForce: fc.constantFrom('day' as const, 'gtc' as const, 'gtc' as const, 'gtc' as const, 'ioc' as const, 'fok' as const),
    qty,
    limitPrice: cents(60, 110),
    stopPrice: cents(60, 110),
  })
  .map(({ limitPrice, stopPrice, ...rest }) => ({
    ...rest,
    ...(rest.type.includes('limit') && { limitPrice }),
    ...(rest.type.includes('stop') && { stopPrice }),
  }));

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('submit' as const), account: fc.constantFrom(...accounts), request }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('work' as const, 'tick' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), nth }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('replace' as const), nth, qty }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('replace' as const), nth, qty, limitPrice: cents(60, 110) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('price' as const), symbol, price: cents(60, 110) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('halt' as const), symbol, halted: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      kind: fc.constantFrom(...orderFaults),
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.record({ do: fc.constant('bust' as const), nth }),
      fc.record({ do: fc.constant('correct' as const), nth }),
    ),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('tomorrow' as const) }) },
);

/** Plays actions and keeps what a client sees. */
class Play {
  readonly exchange: Exchange;
  readonly told = new Map<string, Update>();
  readonly stored = new Map<string, Change>();
  amended = false;
  /** A fault was scripted that overfills orders. */
  overfills = false;
  #now = start;
  #names = 0;

  constructor(seed: number) {
    // Longer than the play: orders forgotten after a week would be missing from the sums.
    this.exchange = new Exchange({ seed, partialFills: 0.5, tracked: true, keepClosedMs: 100 * 24 * 3_600_000 });
    for (const account of accounts) this.exchange.open(account, '20000', start);
    this.exchange.tick(start);
    this.#look();
  }

  play(each: Action): void {
    this.#now += 100;
    try {
      this.#do(each);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
    this.#look();
  }

  all(): ExchangeOrder[] {
    return accounts.flatMap((account) => this.exchange.orders(account, { status: 'all', limit: Infinity }));
  }

  #do(each: Action): void {
    const { exchange } = this;
    switch (each.do) {
      case 'submit':
        return void exchange.submit(each.account, { ...each.request, clientOrderId: this.#name() }, this.#now);
      case 'cancel':
        return this.#on(each.nth, ({ account, id }) => exchange.cancel(account, id, this.#now));
      case 'replace':
        return this.#on(each.nth, (order) => this.#replace(order, each));
      case 'bust':
      case 'correct':
        return this.#amend(each.do, each.nth);
      default:
        return this.#scene(each);
    }
  }

  /** Actions that do not come from a client. */
  #scene(each: Exclude<Action, { do: 'submit' | 'cancel' | 'replace' | 'bust' | 'correct' }>): void {
    const { exchange } = this;
    switch (each.do) {
      case 'fault':
        this.overfills ||= each.kind === 'overfill';
        return exchange.faults.add({ id: this.#name(), kind: each.kind, times: each.times, probability: 0.7 });
      case 'price':
        return exchange.setQuote(each.symbol, { price: each.price }, this.#now);
      case 'halt':
        return exchange.setQuote(each.symbol, { halted: each.halted }, this.#now);
      case 'tomorrow':
        this.#now += 24 * 3_600_000;
        return exchange.tick(this.#now);
      default:
        return exchange[each.do](this.#now);
    }
  }

  #replace({ account, id }: ExchangeOrder, { qty: total, limitPrice }: { qty: string; limitPrice?: string }): void {
    const changes = { clientOrderId: this.#name(), qty: total, ...(limitPrice !== undefined && { limitPrice }) };
    this.exchange.replace(account, id, changes, this.#now);
  }

  #amend(how: 'bust' | 'correct', position: number): void {
    const executions = accounts.flatMap((account) => this.exchange.executions(account));
    const chosen = executions[position % executions.length];
    if (!chosen) return;
    this.amended = true;
    if (how === 'bust') this.exchange.bust(chosen.id, this.#now);
    else this.exchange.correct(chosen.id, { price: '99.99' }, this.#now);
  }

  #on(position: number, act: (order: ExchangeOrder) => void): void {
    const all = this.all();
    const open = all.filter(isOpen);
    // Mostly open orders: those can be changed.
    const choice = position % 4 === 0 || open.length === 0 ? all : open;
    const chosen = choice[position % choice.length];
    if (chosen) act(chosen);
  }

  #name = (): string => `name-${(this.#names += 1)}`;

  #look(): void {
    for (const update of this.exchange.takeUpdates()) this.told.set(update.order.id, update);
    for (const change of this.exchange.takeChanges(true)) this.stored.set(`${change.table}/${change.key}`, change);
  }
}

const sum = (values: readonly Decimal[]): Decimal => values.reduce(add, zero);

/** Money and shares match the executions, and the account's holds match those of open orders. */
function expectBooks({ exchange }: Play, all: readonly ExchangeOrder[], account: string): void {
  const fills = exchange.executions(account);
  const { cash, opened, held } = exchange.account(account);
  const [bought, sold] = (['buy', 'sell'] as const).map((side) =>
    sum(fills.filter((fill) => fill.side === side).map(({ qty: size, price }) => multiply(size, price))),
  );
  expect(cash).toBe(subtract(add(opened, sold as Decimal), bought as Decimal));
  const open = all.filter((order) => order.account === account && isOpen(order));
  expect(held).toBe(sum(open.filter(({ side }) => side === 'buy').map(({ hold }) => hold)));
  for (const each of symbols) {
    const signed = fills
      .filter((fill) => fill.symbol === each)
      .map(({ side, qty: size }) => (side === 'buy' ? size : subtract(zero, size)));
    const position = exchange.positions(account).find((one) => one.symbol === each);
    expect(position?.qty ?? zero).toBe(sum(signed));
    const offered = open.filter((order) => order.side === 'sell' && order.symbol === each).map(({ hold }) => hold);
    if (position) expect(position.held).toBe(sum(offered));
  }
}

/** What the stream must show of an order; a bust or a correction shows the order that traded, not replacements. */
const shown = (order: ExchangeOrder | undefined, isAmended: boolean) => {
  const { triggered: _, updatedAt: __, filledQty, filledValue, hold, ...rest } = order as ExchangeOrder;
  return isAmended ? rest : { ...rest, filledQty, filledValue, hold };
};

/** The filled quantity is the sum of fills in the replace chain, and at most the quantity unless a fault overfills. */
function expectOrders({ exchange, told, amended, overfills }: Play, all: readonly ExchangeOrder[]): void {
  const byId = new Map(all.map((order) => [order.id, order]));
  const fills = accounts.flatMap((account) => exchange.executions(account));
  const ownFills = (id: string): Decimal => sum(fills.filter(({ orderId }) => orderId === id).map(({ qty: size }) => size));
  const chainFills = (order: ExchangeOrder | undefined): Decimal =>
    order ? add(ownFills(order.id), order.countsFromZero ? zero : chainFills(byId.get(order.replaces ?? ''))) : zero;
  for (const order of all) {
    if (!overfills) expect(compare(order.filledQty, order.qty)).toBeLessThanOrEqual(0);
    if (order.status === 'pending_new' || order.status === 'rejected') continue;
    expect(shown(told.get(order.id)?.order, amended)).toEqual(shown(order, amended));
    if (isOpen(order)) expect(order.filledQty).toBe(chainFills(order));
    else expect(order.hold).toBe(zero);
  }
}

describe('whatever happens', () => {
  it('the books balance, no order is overfilled, every change has an update, and the stored rows restore everything', () => {
    const actions = fc.array(action, { minLength: 1, maxLength: 60, size: 'max' });
    fc.assert(
      fc.property(fc.nat(1_000_000), actions, (seed, played) => {
        const play = new Play(seed);
        for (const [index, each] of played.entries()) {
          play.play(each);
          if (index % 6 !== 5 && index !== played.length - 1) continue;
          const all = play.all();
          for (const account of accounts) expectBooks(play, all, account);
          expectOrders(play, all);
        }
        const rows = [...play.stored.values()].filter((change): change is Required<Change> => change.row !== undefined);
        const restored = new Exchange({ seed: 0, partialFills: 0.5, tracked: true });
        restored.restore(JSON.parse(JSON.stringify(rows)) as Required<Change>[]);
        expect(JSON.stringify(restored.books())).toBe(JSON.stringify(play.exchange.books()));
      }),
      { numRuns: 60 },
    );
  });

  it('the same seed and requests give the same books, ids included', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.array(action, { minLength: 20, maxLength: 60, size: 'max' }), (seed, played) => {
        const books = [new Play(seed), new Play(seed)].map((play) => {
          for (const each of played) play.play(each);
          return JSON.stringify(play.exchange.books());
        });
        expect(books[0]).toBe(books[1]);
      }),
      { numRuns: 15 },
    );
  });
});
