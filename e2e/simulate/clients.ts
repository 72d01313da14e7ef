import { accountIdFor, derivedId, orderIdFor, type OrderTerms, type ReplaceTerms } from '@tradecore/events';
import { decimal, isPositive } from '@tradecore/money';
import { Account, canonicalTerms, Order } from '@tradecore/trading';
import type { Chance } from './chance.ts';
import type { Clock } from './clock.ts';
import type { Door, Market, Request } from './fleet/doors.ts';
import type { Journal } from './fleet/journal.ts';

/** What clients need from the world. */
export interface ClientWorld {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly journal: Journal;
  readonly market: Market;
  readonly doors: readonly Door[];
}

/** How clients behave. */
export interface ClientHabits {
  readonly accounts: number;
  readonly orders: number;
  /** Maximum milliseconds between two orders. */
  readonly pause: number;
}

const money = ['20000', '500000', '5000000'];
/** Few, so that orders meet; one is halted, and one is unlisted. */
const symbols = [...['AAPL', 'MSFT', 'NVDA', 'KO', 'INTC', 'SPY', 'ACME'], ...['AAPL', 'MSFT', 'KO', 'ACME'], 'HALT', 'NONE'];
const timesInForce = ['day', 'day', 'gtc', 'gtc', 'ioc', 'fok'] as const;
const resting = ['day', 'gtc'] as const;

/** Random traders: they buy and sell, cancel and replace, request the impossible, and repeat requests. */
export class Clients {
  readonly accounts: string[] = [];
  readonly placed: string[] = [];
  /** How many requests were refused, by the code of the refusal. */
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

  /** Opens and funds the accounts, and begins to trade. */
  begin(): void {
    const { journal, chance } = this.#world;
    for (let count = 0; count < this.#habits.accounts; count += 1) {
      const id = accountIdFor('simulation', `account-${count}`);
      const account = new Account(id);
      account.open({ owner: 'simulation', currency: 'USD' });
      account.deposit(chance.pick(money));
      const decided = [{ events: account.uncommittedEvents, origin: { account: id } }];
      journal.save([{ Class: Account, id, expected: 0, decided }]);
      this.accounts.push(id);
    }
    this.#next();
  }

  /** Sometimes several orders of one account at once: they meet in a lane, and in both APIs. */
  #next(): void {
    const { clock, chance } = this.#world;
    if (this.isDone) return;
    const account = chance.pick(this.accounts);
    const many = chance.happens(0.1) ? chance.whole(2, 5) : 1;
    for (let count = 0; count < many && !this.isDone; count += 1) this.#place(account);
    clock.in(chance.whole(0, many * this.#habits.pause), () => this.#next());
  }

  #place(accountId: string): void {
    const { journal, clock, chance } = this.#world;
    const account = journal.live(Account, accountId);
    const clientOrderId = `order-${this.placed.length}`;
    const terms = this.#terms(account, clientOrderId);
    const orderId = orderIdFor(accountId, clientOrderId);
    this.placed.push(orderId);
    const place = { ask: 'place', terms } as const;
    this.#request(accountId, place);
    // A client without an answer repeats its request, to either API; some use a name twice.
    if (chance.happens(0.03)) clock.in(chance.whole(0, 100), () => this.#request(accountId, place));
    if (chance.happens(0.01)) this.#request(accountId, { ask: 'place', terms: { ...terms, quantity: '1' } });
    const changes = [
      () => this.cancel(orderId),
      () => this.cancel(orderId),
      () => this.#replace(orderId),
      () => this.#replace(orderId),
    ];
    for (const change of changes)
      if (chance.happens(0.15)) clock.in(chance.whole(1, chance.pick([20, 200, 3000, 60_000])), change);
    if (chance.happens(0.02)) this.#moveMoney(accountId);
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
      // A stop order that is ioc or fok is refused by the broker: an occasional one.
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

  /** Requests a cancel; a refusal is counted. */
  cancel(orderId: string): void {
    const { chance, doors } = this.#world;
    chance.pick(doors).cancel(orderId, (answer) => this.#count(answer));
  }

  #replace(orderId: string): void {
    const { chance, journal, clock } = this.#world;
    const { terms } = journal.live(Order, orderId);
    if (!terms) return this.#count('order-not-found');
    const { quantity, limitPrice, accountId } = terms;
    const changes: ReplaceTerms = {
      ...(chance.happens(0.6) && { quantity: String(Math.max(1, Math.round(Number(quantity) * (0.5 + chance.next())))) }),
      ...(limitPrice !== undefined && { limitPrice: (Number(limitPrice) * (0.99 + chance.next() / 50)).toFixed(2) }),
    };
    const request = { ask: 'replace', orderId, changes, commandId: this.#commandId('replace') } as const;
    this.#request(accountId, request);
    if (chance.happens(0.03)) clock.in(chance.whole(0, 100), () => this.#request(accountId, request));
  }

  #moveMoney(accountId: string): void {
    const { chance } = this.#world;
    const ask = chance.happens(0.5) ? 'deposit' : 'withdraw';
    const amount = String(chance.whole(1, ask === 'deposit' ? 10_000 : 100_000));
    this.#request(accountId, { ask, amount, commandId: this.#commandId(ask) });
  }

  /** Sends a request to one of the APIs. */
  #request(accountId: string, request: Request): void {
    this.#world.chance.pick(this.#world.doors).request(accountId, request, (answer) => this.#count(answer));
  }

  #commandId(what: string): string {
    this.#requests += 1;
    return derivedId('simulation', what, String(this.#requests));
  }

  #requests = 0;

  #count(answer: string): void {
    if (answer !== 'done') this.refusals.set(answer, (this.refusals.get(answer) ?? 0) + 1);
  }
}
