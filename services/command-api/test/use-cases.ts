import type { EventStore } from '@tradecore/event-sourcing';
import { freshId, type OrderTerms } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { MarketData } from '@tradecore/market-data';
import { sampleQuote, sampleSession } from '@tradecore/market-data/testing';
import type { KnownCaller } from '@tradecore/service';
import { runInContext } from '@tradecore/telemetry';
import { Account } from '@tradecore/trading';
import { AccountAccess } from '../src/account-access.ts';
import { AccountLanes } from '../src/account-lane/account-lanes.ts';
import { ChangeAccess } from '../src/accounts/change-access.ts';
import { MoveFunds } from '../src/accounts/move-funds.ts';
import { MarketFacts } from '../src/orders/market-facts.ts';
import { OrderRisk } from '../src/orders/order-risk.ts';
import { OwnOrder } from '../src/orders/own-order.ts';
import { PlaceOrder, type PlacedOrder } from '../src/orders/place-order.ts';
import { RequestCancel } from '../src/orders/request-cancel.ts';
import { RequestReplace } from '../src/orders/request-replace.ts';

/** Runs as one request does, in its own conversation. */
export const requested = <T>(request: () => Promise<T>, actor = 'client'): Promise<T> =>
  runInContext({ correlationId: freshId(), actor }, request);

/** The use cases of one process on a store, in a market where ACME trades at 100. */
export class UseCases {
  readonly lanes: AccountLanes;
  readonly placeOrder: PlaceOrder;
  readonly requestCancel: RequestCancel;
  readonly requestReplace: RequestReplace;
  readonly moveFunds: MoveFunds;
  readonly changeAccess: ChangeAccess;

  constructor(readonly store: EventStore) {
    const market = new MarketData();
    Object.defineProperty(market, 'ready', { value: true });
    market.set(sampleQuote());
    market.set(sampleSession());
    this.lanes = new AccountLanes(store);
    const access = new AccountAccess(store, this.lanes, { count: async () => ({}) });
    const risk = new OrderRisk(new MarketFacts(market, { MAX_PRICE_AGE: 60_000, MARKET_COLLAR_PERCENT: '5' }), {
      LIMIT_OPEN_ORDERS: 1000,
    });
    const ownOrder = new OwnOrder(store, access);
    this.placeOrder = new PlaceOrder(store, risk, access, this.lanes);
    this.requestCancel = new RequestCancel(store, ownOrder);
    this.requestReplace = new RequestReplace(ownOrder, risk, this.lanes, { LIMIT_REVISIONS: 100 });
    this.moveFunds = new MoveFunds(this.lanes, store);
    this.changeAccess = new ChangeAccess(this.lanes, { personOf: async (subject) => subject, subjectsOf: async () => new Map() });
  }

  /** An account of `client` with this much money. */
  async openAccount(amount = '0'): Promise<string> {
    const account = new Account(freshId());
    account.open({ owner: 'client', currency: 'USD' });
    if (amount !== '0') account.deposit(amount);
    await requested(() => this.store.saveAggregate(account));
    return account.id;
  }

  deposit(accountId: string, amount: string, idempotencyKey: string = freshId()) {
    return requested(() => this.moveFunds.execute({ kind: 'deposit', accountId, amount, person: 'till', idempotencyKey }));
  }

  /** Places an order of 10 at 100, which takes 1,000 and the fee. */
  place(accountId: string, changes: Partial<OrderTerms> = {}, key: { idempotencyKey?: string } = {}): Promise<PlacedOrder> {
    const terms = { ...sampleTerms({ accountId, clientOrderId: freshId() }), limitPrice: '100', ...changes };
    return requested(() => this.placeOrder.execute({ caller, terms, ...key }), changes.clientOrderId ?? 'client');
  }
}

/** The owner of accounts that `openAccount` opens. */
export const caller: KnownCaller = {
  subject: 'client',
  person: 'client',
  accounts: [],
  role: 'client',
  scopes: ['read', 'trade', 'transfer'],
  expiresAt: Infinity,
};

/** The results of requests: an outcome, or the code of an error. */
export const outcomesOf = (results: readonly PromiseSettledResult<{ readonly outcome: string }>[]): string[] =>
  results.map((each) =>
    each.status === 'fulfilled' ? each.value.outcome : ((each.reason as { code?: string }).code ?? 'error'),
  );
