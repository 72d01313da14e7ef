import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { Verdict, WorkItem } from '@tradecore/consumers';
import type { Transaction } from '@tradecore/event-sourcing';
import { logger, runInContext, traced } from '@tradecore/telemetry';
import { interrupted, nextStep, type RevisionState } from '@tradecore/trading';
import type { BrokerOrderOwner } from './broker-order-owner.ts';
import { BrokerOrderQueue } from './broker-order-queue.ts';
import type { Loaded } from './broker-order-store.ts';
import { BrokerOrders } from './broker-orders.ts';
import { BrokerageCalls } from './brokerage-calls.ts';
import { Brokerage } from './brokerage.ts';
import { MarketFeed } from './market-feed.ts';
import { readState, writeState } from './revision-state.ts';

const log = logger('broker-orders');

type Settle = (tx: Transaction) => Promise<Verdict>;

/** Works on BrokerOrders with open work: decides the next step, makes its one call and stores what the reply means. */
@Injectable()
export class BrokerOrderWork implements OnApplicationBootstrap {
  private readonly calls: BrokerageCalls;

  constructor(
    @Inject(BrokerOrderQueue) private readonly queue: BrokerOrderQueue,
    @Inject(BrokerOrders) private readonly orders: BrokerOrders,
    @Inject(Brokerage) private readonly brokerage: Brokerage,
    @Inject(MarketFeed) private readonly market: MarketFeed,
  ) {
    this.calls = new BrokerageCalls(brokerage, orders);
  }

  onApplicationBootstrap(): void {
    this.queue.start((item) => this.work(item));
  }

  private async work(item: WorkItem): Promise<Settle> {
    const owner = this.orders.ownerOf(item.key);
    const loaded = await owner.load();
    if (!loaded) {
      log.error({ brokerOrderId: item.key }, 'no step sends this BrokerOrder; removing its row');
      return () => Promise.resolve({ done: true });
    }
    const { context, opening } = loaded.origin;
    return runInContext({ ...context, account: opening.terms.accountId, order: opening.terms.orderId }, () =>
      traced('broker-gateway work', () => this.take(item, owner, loaded)),
    );
  }

  private async take(item: WorkItem, owner: BrokerOrderOwner, loaded: Loaded): Promise<Settle> {
    const state = this.stateOf(item, loaded);
    const { order, cancels, replaced, isHalted } = loaded;
    const revision = { order, cancels, state, ...(replaced && { replaced }) };
    const lastPrice = order.terms && this.market.lastPrice(order.terms.symbol);
    const facts = { now: this.brokerage.now(), isHalted, ...(lastPrice !== undefined && { lastPrice }) };
    const step = nextStep(revision, facts, this.brokerage.rules);
    if (step.do === 'wait') return () => Promise.resolve({ again: step.ms, state: writeState(waited(state), order) });
    const reply = step.do === 'nothing' ? undefined : await this.calls.make(step, revision);
    const settlement = await owner.begin(reply, state);
    void (this.queue.rows.inProgress(item.key) ?? Promise.resolve(false)).then((isCommitted) => settlement.release(isCommitted));
    return (tx) => settlement.settle(tx);
  }

  /** If an earlier round was not settled, it may have made its call, and the reply is lost. */
  private stateOf({ state, takenOver, attempts }: WorkItem, { order }: Loaded): RevisionState {
    const read = readState(state);
    return (takenOver || attempts > 1) && order.isUnproven ? interrupted(read, this.brokerage.now()) : read;
  }
}

const waited = (state: RevisionState): RevisionState => ({ ...state, waits: (state.waits ?? 0) + 1 });
