import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { derivedId } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';
import { WorkQueue, type Attend, type Verdict, type WorkItem } from '@tradecore/subscriptions';
import { logger } from '@tradecore/telemetry';
import { nextStep, type BrokerOrder, type LegStep } from '@tradecore/trading';
import { DataSource } from 'typeorm';
import { legGauge } from './broker-gateway.metrics.ts';
import { LegCalls, type Called } from './leg-calls.ts';
import { readMemo, type LegMemo } from './leg-memo.ts';
import { Legs } from './legs.ts';
import { MarketFeed } from './market-feed.ts';
import { Venue } from './venue.ts';

const log = logger('leg-work');
/** Executions that the broker counts come over the stream within moments, or are fetched. */
const lackingMs = 250;

/**
 * The work queue of the gateway: one row for each leg that is not at its end, and one for the look-back. A worker takes a row, decides the
 * leg's next step, makes that one call, and appends the answer in the transaction that settles the row.
 */
@Injectable()
export class LegWork implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly queue: WorkQueue;
  private readonly calls: LegCalls;
  private readonly others = new Map<string, Attend>();

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Legs) private readonly legs: Legs,
    @Inject(Venue) private readonly venue: Venue,
    @Inject(MarketFeed) private readonly market: MarketFeed,
  ) {
    this.queue = new WorkQueue({
      dataSource,
      service: 'broker-gateway',
      workers: venue.config.BROKER_WORKERS,
      attend: (item) => (this.others.get(item.key) ?? ((leg) => this.attend(leg)))(item),
    });
    legGauge(() =>
      dataSource.query(
        `select coalesce(memo->>'state', 'waiting') as state, count(*)::int as legs from broker_gateway.work
          where key <> all($1::uuid[]) group by 1`,
        [[...this.others.keys()]],
      ),
    );
    this.calls = new LegCalls(venue, legs);
    venue.http.onBack(() => this.hasten());
  }

  onApplicationBootstrap(): void {
    this.queue.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.queue.stop();
  }

  /** Gives a key that is no leg to somebody else; puts its row where there is none. */
  async adopt(name: string, attend: Attend): Promise<string> {
    const key = derivedId('broker-gateway', name);
    this.others.set(key, attend);
    await this.queue.put(this.dataSource, [{ key }]);
    this.queue.wake();
    return key;
  }

  /** Asks for legs in the caller's transaction; `wake` after its commit. */
  put(tx: Transaction, keys: readonly string[]): Promise<void> {
    return this.queue.put(
      tx,
      keys.map((key) => ({ key })),
    );
  }

  /** Asks for legs that have a row. */
  ask(keys: readonly string[]): Promise<void> {
    return this.queue.ask(keys);
  }

  /** Removes the rows of legs that have ended. */
  drop(keys: readonly string[]): Promise<void> {
    return this.queue.drop(keys);
  }

  /** Legs that the broker has, as far as we know. */
  working(): Promise<string[]> {
    return this.queue.resting();
  }

  wake(): void {
    this.queue.wake();
  }

  private async attend(item: WorkItem): Promise<(tx: Transaction) => Promise<Verdict>> {
    const leg = await this.legs.load(item.key);
    const memo = this.memoOf(item, leg);
    const called = await this.calls.make(this.stepOf(leg, memo), leg, memo);
    // What the stream tells of it now waits until the answer is stored; what it told during the call is there.
    const leave = await this.legs.turns.enter(item.key);
    const inHand = this.queue.inHandOf(item.key);
    if (inHand) void inHand.finally(leave);
    else leave();
    let loaded: BrokerOrder | undefined = this.legs.isOld(leg) ? undefined : leg;
    return async (tx) => {
      // After a conflict what was loaded is old.
      const current = loaded ?? (await this.legs.load(item.key, tx));
      loaded = undefined;
      return this.settle(tx, current, called);
    };
  }

  private stepOf(leg: BrokerOrder, { sentAt, absentAt }: LegMemo): LegStep {
    const lastPrice = leg.terms && this.market.lastPrice(leg.terms.symbol);
    const facts = {
      now: this.venue.now(),
      ...(sentAt !== undefined && { sentAt }),
      ...(absentAt !== undefined && { absentAt }),
      ...(lastPrice !== undefined && { lastPrice }),
    };
    const { BROKER_GRACE: graceMs, BROKER_QUARANTINE: quarantineMs } = this.venue.config;
    return nextStep(leg, facts, { graceMs, quarantineMs });
  }

  /** An attendance before this one was not settled: it may have called the broker, and what it heard is lost. */
  private memoOf({ memo, takenOver, attempts }: WorkItem, leg: BrokerOrder): LegMemo {
    const { absentAt, ...read } = readMemo(memo);
    const maybeSent = (takenOver || attempts > 1) && (leg.progress === 'asked' || leg.progress === 'unknown');
    if (!maybeSent) return { ...read, ...(absentAt !== undefined && { absentAt }) };
    return { ...read, sentAt: this.venue.now(), sends: read.sends + 1 };
  }

  private async settle(tx: Transaction, leg: BrokerOrder, called: Called): Promise<Verdict> {
    const others = (await called.apply?.(leg, tx)) ?? [];
    await this.legs.save([leg, ...others], tx);
    return leg.isOpen ? verdictOn(leg, called) : { done: true };
  }

  /** The broker is back: what waits for its time is due. */
  private hasten(): void {
    this.queue.hasten().catch((error: unknown) => log.warn({ err: error }, 'waiting orders were not hurried'));
  }
}

/** When to attend to an open leg again, and what to remember. */
function verdictOn(leg: BrokerOrder, { memo, shown, againMs: asked }: Called): Verdict {
  const againMs = asked ?? (shown && leg.lacks(shown) ? lackingMs : undefined);
  if (leg.progress !== 'working') return { again: againMs ?? 0, memo: { ...memo, state: stateOf(leg, memo) } };
  if (!leg.cancelRequested) return { again: againMs ?? 'when-asked', memo: { state: 'working' } };
  const { cancelSentAt, waits, tries } = memo;
  return { again: againMs ?? 0, memo: { state: 'working', waits, tries, ...(cancelSentAt !== undefined && { cancelSentAt }) } };
}

function stateOf(leg: BrokerOrder, { sentAt }: LegMemo): LegMemo['state'] {
  if (leg.isUnresolved) return 'unresolved';
  return sentAt === undefined ? 'waiting' : 'unknown';
}
