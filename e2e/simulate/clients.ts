import { accountIdFor, orderIdFor, type InstrumentQuote, type MarketSession, type OrderTerms } from '@tradecore/events';
import { DomainError } from '@tradecore/event-sourcing';
import { decimal, isPositive } from '@tradecore/money';
import { assess, canonicalTerms, type Account, type Assessment, type Order } from '@tradecore/trading';
import type { Chance } from './chance.ts';
import type { Clock } from './clock.ts';
import type { Journal } from './journal.ts';
import type { Deciders } from './participants.ts';

/** What clients look at before they trade: the market as the fleet knows it. */
export interface Market {
  readonly quotes: ReadonlyMap<string, InstrumentQuote>;
  readonly session: MarketSession | undefined;
}

/** What clients need of the world. */
export interface ClientWorld {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly journal: Journal;
  readonly market: Market;
  readonly classes: Deciders;
}

/** How clients behave. */
export interface ClientHabits {
  readonly accounts: number;
  readonly orders: number;
  /** Milliseconds between two orders, at most. */
  readonly pause: number;
}

const money = ['20000', '500000', '5000000'];
/** Few, so that orders meet; one that is halted, and one that nobody lists. */
const symbols = [...['AAPL', 'MSFT', 'NVDA', 'KO', 'INTC', 'SPY', 'ACME'], ...['AAPL', 'MSFT', 'KO', 'ACME'], 'HALT', 'NONE'];
const timesInForce = ['day', 'day', 'gtc', 'gtc', 'ioc', 'fok'] as const;
const resting = ['day', 'gtc'] as const;

/** People who trade without a plan: they buy and sell, change their mind, ask for what they can't have, and ask twice. */
export class Clients {
  readonly accounts: string[] = [];
  readonly placed: string[] = [];
  /** How many requests were refused at once, by the code of the refusal. */
  readonly refusals = new Map<string, number>();
  readonly #world: ClientWorld;
  readonly #habits: ClientHabits;

  constructor(world: ClientWorld, habits: ClientHabits) {
    this.#world = world;
    this.#habits = habits;
  }

  get isDone(): boolean {
    return this.placed.length >= this.#habits.orders;
  }

  /** Opens the accounts, pays them in, and begins to trade. */
  begin(): void {
    const { journal, chance, classes } = this.#world;
    for (let count = 0; count < this.#habits.accounts; count += 1) {
      const id = accountIdFor('simulation', `account-${count}`);
      const account = journal.load(classes.Account, id);
      account.open({ owner: 'simulation', currency: 'USD' });
      account.deposit(chance.pick(money));
      journal.save(account, { account: id });
      this.accounts.push(id);
    }
    this.#next();
  }

  #next(): void {
    const { clock, chance } = this.#world;
    if (this.isDone) return;
    this.#place();
    clock.in(chance.whole(0, this.#habits.pause), () => this.#next());
  }

  #place(): void {
    const { journal, clock, chance, classes } = this.#world;
    const accountId = chance.pick(this.accounts);
    const account = journal.load(classes.Account, accountId);
    const clientOrderId = `order-${this.placed.length}`;
    const terms = this.#terms(account, clientOrderId);
    const orderId = orderIdFor(accountId, clientOrderId);
    const order = journal.load(classes.Order, orderId);
    order.place(terms);
    const assessment = this.#assess(terms, account);
    if ('approved' in assessment) order.approve(assessment.approved);
    else order.deny(assessment.denied);
    journal.save(order, { account: accountId });
    this.placed.push(orderId);
    const requests = [
      () => this.cancel(orderId),
      () => this.cancel(orderId),
      () => this.#replace(orderId),
      () => this.#replace(orderId),
    ];
    for (const request of requests)
      if (chance.happens(0.15)) clock.in(chance.whole(1, chance.pick([20, 200, 3000, 60_000])), request);
    if (chance.happens(0.02)) this.#moveMoney(account);
  }

  #assess(terms: OrderTerms, account: Account): Assessment {
    const { clock, market } = this.#world;
    const quote = market.quotes.get(terms.symbol);
    const { session } = market;
    return assess(terms, {
      now: clock.time,
      accountExists: account.isOpen,
      ...(quote && { quote }),
      ...(session && { session }),
      controls: { limits: [] },
      maxPriceAgeMs: 60_000,
      marketCollarPercent: '5',
    });
  }

  #terms(account: Account, clientOrderId: string): OrderTerms {
    const { chance } = this.#world;
    const type = chance.pick(['market', 'market', 'limit', 'limit', 'limit', 'stop', 'stopLimit'] as const);
    const what = this.#whatToTrade(account);
    return canonicalTerms({
      accountId: account.id,
      clientOrderId,
      type,
      ...what,
      ...(type.endsWith('imit') && { limitPrice: this.#priceNear(what.symbol) }),
      ...(type.startsWith('stop') && { stopPrice: this.#priceNear(what.symbol) }),
      // A stop order that trades at once or not at all is refused by the broker: one in a while.
      timeInForce: chance.pick(type.startsWith('stop') && chance.happens(0.95) ? resting : timesInForce),
    });
  }

  /** Mostly what the account can afford or has, sometimes more. */
  #whatToTrade(account: Account): Pick<OrderTerms, 'side' | 'symbol' | 'quantity'> {
    const { chance } = this.#world;
    const held = account.balances.filter(
      ({ book, kind, amount }) => book === 'available' && kind === 'symbol' && isPositive(decimal(amount)),
    );
    if (held.length === 0 || chance.happens(0.55)) {
      return { side: 'buy', symbol: chance.pick(symbols), quantity: String(chance.whole(1, chance.pick([5, 50, 500]))) };
    }
    const { unit, amount } = chance.pick(held);
    return { side: 'sell', symbol: unit, quantity: String(chance.whole(1, chance.happens(0.9) ? Number(amount) : 1000)) };
  }

  #priceNear(symbol: string): string {
    const { chance, market } = this.#world;
    const last = Number(market.quotes.get(symbol)?.lastPrice ?? '100');
    return Math.max(0.01, last * (1 + (chance.next() - 0.5) * chance.pick([0.001, 0.01, 0.3]))).toFixed(2);
  }

  /** Asks to cancel; a refusal is counted. */
  cancel(orderId: string): void {
    this.#request(orderId, (order) => order.requestCancel('changed my mind'));
  }

  #replace(orderId: string): void {
    const { chance, journal, classes } = this.#world;
    this.#request(orderId, (order) => {
      const { quantity = '1', limitPrice, accountId = '' } = order.terms ?? {};
      const changes = {
        ...(chance.happens(0.6) && { quantity: String(Math.max(1, Math.round(Number(quantity) * (0.5 + chance.next())))) }),
        ...(limitPrice !== undefined && { limitPrice: (Number(limitPrice) * (0.99 + chance.next() / 50)).toFixed(2) }),
      };
      const assessment = this.#assess(order.termsAfter(changes), journal.load(classes.Account, accountId));
      if ('denied' in assessment) return this.#count(assessment.denied.rule);
      order.requestReplace(changes, assessment.approved);
    });
  }

  #request(orderId: string, ask: (order: Order) => void): void {
    const { journal, classes } = this.#world;
    const order = journal.load(classes.Order, orderId);
    try {
      ask(order);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      return this.#count(error.code);
    }
    const account = order.accountId;
    if (order.uncommittedEvents.length > 0) journal.save(order, account === undefined ? {} : { account });
  }

  #moveMoney(account: Account): void {
    const { chance, journal } = this.#world;
    try {
      if (chance.happens(0.5)) account.deposit(String(chance.whole(1, 10_000)));
      else account.withdraw(String(chance.whole(1, 100_000)));
      journal.save(account, { account: account.id });
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      this.#count(error.code);
    }
  }

  #count(code: string): void {
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
  }
}
