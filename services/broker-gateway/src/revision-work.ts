import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { derivedId } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';
import { WorkQueue, type WorkHandler, type Verdict, type WorkItem } from '@tradecore/consumers';
import { logger } from '@tradecore/telemetry';
import { nextStep, type BrokerOrder, type RevisionStep } from '@tradecore/trading';
import { DataSource } from 'typeorm';
import { revisionGauge } from './broker-gateway.metrics.ts';
import { RevisionCalls, type Called } from './revision-calls.ts';
import { readState, type RevisionState } from './revision-state.ts';
import { Revisions } from './revisions.ts';
import { MarketFeed } from './market-feed.ts';
import { Brokerage } from './brokerage.ts';

const log = logger('revision-work');
/** Executions that the broker counts come over the stream within moments, or are fetched. */
const lackingMs = 250;

/**
 * The work queue of the gateway: one row for each revision that is not at its end, and one for the brokerage sweep. A worker takes a row, decides the
 * revision's next step, makes that one call, and appends the answer in the transaction that settles the row.
 */
@Injectable()
export class RevisionWork implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly queue: WorkQueue;
  private readonly calls: RevisionCalls;
  private readonly others = new Map<string, WorkHandler>();

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Revisions) private readonly revisions: Revisions,
    @Inject(Brokerage) private readonly brokerage: Brokerage,
    @Inject(MarketFeed) private readonly market: MarketFeed,
  ) {
    this.queue = new WorkQueue({
      dataSource,
      service: 'broker-gateway',
      workers: brokerage.config.BROKER_WORKERS,
      handle: (item) => (this.others.get(item.key) ?? ((revision) => this.attend(revision)))(item),
    });
    revisionGauge(() =>
      dataSource.query(
        `select coalesce(state->>'state', 'waiting') as state, count(*)::int as revisions from broker_gateway.work
          where key <> all($1::uuid[]) group by 1`,
        [[...this.others.keys()]],
      ),
    );
    this.calls = new RevisionCalls(brokerage, revisions);
    brokerage.http.onBack(() => this.hasten());
  }

  onApplicationBootstrap(): void {
    this.queue.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.queue.stop();
  }

  /** Gives a key that is no revision to somebody else; puts its row where there is none. */
  async adopt(name: string, attend: WorkHandler): Promise<string> {
    const key = derivedId('broker-gateway', name);
    this.others.set(key, attend);
    await this.queue.put(this.dataSource, [{ key }]);
    this.queue.notify();
    return key;
  }

  /** Asks for revisions in the caller's transaction; `wake` after its commit. */
  put(tx: Transaction, keys: readonly string[]): Promise<void> {
    return this.queue.put(
      tx,
      keys.map((key) => ({ key })),
    );
  }

  /** Asks for revisions that have a row. */
  ask(keys: readonly string[]): Promise<void> {
    return this.queue.request(keys);
  }

  /** Removes the rows of revisions that have ended. */
  drop(keys: readonly string[]): Promise<void> {
    return this.queue.drop(keys);
  }

  /** Revisions that the broker has, as far as we know. */
  working(): Promise<string[]> {
    return this.queue.waitingForRequest();
  }

  wake(): void {
    this.queue.notify();
  }

  private async attend(item: WorkItem): Promise<(tx: Transaction) => Promise<Verdict>> {
    const revision = await this.revisions.load(item.key);
    const state = this.memoOf(item, revision);
    const called = await this.calls.make(this.stepOf(revision, state), revision, state);
    // What the stream tells of it now waits until the answer is stored; what it told during the call is there.
    const leave = await this.revisions.turns.enter(item.key);
    const inHand = this.queue.inProgress(item.key);
    if (inHand) void inHand.finally(leave);
    else leave();
    let loaded: BrokerOrder | undefined = this.revisions.isOld(revision) ? undefined : revision;
    return async (tx) => {
      // After a conflict what was loaded is old.
      const current = loaded ?? (await this.revisions.load(item.key, tx));
      loaded = undefined;
      return this.settle(tx, current, called);
    };
  }

  private stepOf(revision: BrokerOrder, { sentAt, absentAt }: RevisionState): RevisionStep {
    const lastPrice = revision.terms && this.market.lastPrice(revision.terms.symbol);
    const facts = {
      now: this.brokerage.now(),
      ...(sentAt !== undefined && { sentAt }),
      ...(absentAt !== undefined && { absentAt }),
      ...(lastPrice !== undefined && { lastPrice }),
    };
    const { BROKER_GRACE: graceMs, BROKER_QUARANTINE: quarantineMs } = this.brokerage.config;
    return nextStep(revision, facts, { graceMs, quarantineMs });
  }

  /** An attendance before this one was not settled: it may have called the broker, and what it heard is lost. */
  private memoOf({ state, takenOver, attempts }: WorkItem, revision: BrokerOrder): RevisionState {
    const { absentAt, ...read } = readState(state);
    const maybeSent = (takenOver || attempts > 1) && (revision.progress === 'asked' || revision.progress === 'unknown');
    if (!maybeSent) return { ...read, ...(absentAt !== undefined && { absentAt }) };
    return { ...read, sentAt: this.brokerage.now(), sends: read.sends + 1 };
  }

  private async settle(tx: Transaction, revision: BrokerOrder, called: Called): Promise<Verdict> {
    const others = (await called.apply?.(revision, tx)) ?? [];
    await this.revisions.save([revision, ...others], tx);
    return revision.isOpen ? verdictOn(revision, called) : { done: true };
  }

  /** The broker is back: what waits for its time is due. */
  private hasten(): void {
    this.queue.makeAllDue().catch((error: unknown) => log.warn({ err: error }, 'waiting orders were not hurried'));
  }
}

/** When to attend to an open revision again, and what to remember. */
function verdictOn(revision: BrokerOrder, { state, shown, againMs: asked }: Called): Verdict {
  const againMs = asked ?? (shown && revision.lacks(shown) ? lackingMs : undefined);
  if (revision.progress !== 'working') return { again: againMs ?? 0, state: { ...state, state: stateOf(revision, state) } };
  if (!revision.cancelRequested) return { again: againMs ?? 'on-request', state: { state: 'working' } };
  const { cancelSentAt, waits, tries } = state;
  return { again: againMs ?? 0, state: { state: 'working', waits, tries, ...(cancelSentAt !== undefined && { cancelSentAt }) } };
}

function stateOf(revision: BrokerOrder, { sentAt }: RevisionState): RevisionState['state'] {
  if (revision.isUnresolved) return 'unresolved';
  return sentAt === undefined ? 'waiting' : 'unknown';
}
