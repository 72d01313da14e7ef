import {
  Busy,
  ConcurrencyException,
  EventIdTaken,
  InvalidSave,
  limits,
  PayloadTooLarge,
  type EventStore,
  type Saved,
} from '@tradecore/event-sourcing';
import { counter, gauge, runInContext } from '@tradecore/telemetry';
import { HalfDecided, LaneBatch, newAmong, type WaitingRequest } from './lane-batch.ts';
import type { WarmAccounts } from './warm-accounts.ts';

/** The most requests of one account that wait in this process. */
const queueLimit = 1000;
/** A request that has waited longer, in milliseconds, is refused at its turn: its caller has given up, or soon will. */
const patienceMs = 5000;
/** The most times that a batch is decided: again after another writer was faster, or a name was taken. */
const attemptLimit = 10;
/** After a lost save, this many batches start under the lock: the other writer is still active. */
const lockedBatches = 8;

const saves = counter({
  name: 'tradecore_account_saves_total',
  help: 'Account decisions saved at once or under the lock, and those lost to another writer.',
  labels: { how: ['at-once', 'locked', 'lost'] },
});
const waitingRequests = gauge({
  name: 'tradecore_account_requests_waiting',
  help: 'Requests that wait for their turn, of all accounts.',
});

/**
 * Handles the requests that change one account in this process, in sequence. Waiting requests are decided in memory on
 * a warm account and stored together: one load and one save for up to 100 events. After a save lost to another writer,
 * the account is decided under its lock.
 */
export class AccountLane {
  #queue: WaitingRequest[] = [];
  #running = false;
  /** How many of the next batches start under the lock. */
  #lockedAhead = 0;

  constructor(
    private readonly accountId: string,
    private readonly store: EventStore,
    private readonly warm: WarmAccounts,
    private readonly onIdle: () => void,
  ) {}

  /** Queues a request; throws `Busy` when too many wait. */
  add(waiting: WaitingRequest): void {
    if (this.#queue.length >= queueLimit) throw new Busy('Too many requests for this account are waiting.');
    this.#queue.push(waiting);
    waitingRequests.inc();
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) {
      const batch = new LaneBatch(this.accountId, this.store, this.warm, this.#next());
      const { context } = batch;
      if (context) await runInContext(context, () => this.#settle(batch));
    }
    this.#running = false;
    this.onIdle();
  }

  /**
   * The next requests that fit in one save. Two of one order never share a save: the second sees the outcome of the
   * first.
   */
  #next(): WaitingRequest[] {
    const [batch, later]: [WaitingRequest[], WaitingRequest[]] = [[], []];
    const used = new Set<string>();
    let [events, bytes] = [0, 0];
    const oldest = performance.now() - patienceMs;
    for (const waiting of this.#queue) {
      const { request, since } = waiting;
      const names = [request.commandId, request.createsOrder, request.changesOrder].filter((name) => name !== undefined);
      const fits = events + request.maxEvents <= limits.saveEvents && bytes + waiting.bytes <= limits.saveBytes;
      if (since < oldest) waiting.reject(new Busy('The account was busy for too long.'));
      else if (batch.length > 0 && (!fits || names.some((name) => used.has(name)))) later.push(waiting);
      else {
        batch.push(waiting);
        for (const name of names) used.add(name);
        events += request.maxEvents;
        bytes += waiting.bytes;
      }
    }
    waitingRequests.dec(this.#queue.length - later.length);
    this.#queue = later;
    return batch;
  }

  /** Answers every request of the batch. */
  async #settle(batch: LaneBatch): Promise<void> {
    let locked = this.#lockedAhead > 0;
    if (locked) this.#lockedAhead -= 1;
    for (let attempt = 1; attempt <= attemptLimit && batch.size > 0; attempt += 1) {
      const { stored, error } = await this.#attempt(batch, locked);
      if (stored) return batch.deliver(stored.events);
      if (error !== undefined && !isWorthAnother(error, locked)) return this.#fail(batch, error);
      if (error instanceof ConcurrencyException) batch.take(newAmong(error.conflicts));
      if (!locked && isLost(error)) locked = this.#lose();
    }
    batch.fail(new Busy('The account was changed concurrently too many times.'));
  }

  /** What was stored, or why nothing was; neither if all of it was stored before: the next attempt looks it up. */
  async #attempt(batch: LaneBatch, locked: boolean): Promise<{ readonly stored?: Saved; readonly error?: unknown }> {
    try {
      const saved = await (locked ? this.#saveLocked(batch) : this.#save(batch));
      if (saved.outcome === 'repeated') return {};
      if (saved.events.length > 0) saves.inc({ how: locked ? 'locked' : 'at-once' });
      return { stored: saved };
    } catch (error) {
      return error instanceof HalfDecided ? this.#attempt(batch, locked) : { error };
    }
  }

  /** Another writer was faster: decides this batch and the next ones under the lock. */
  #lose(): true {
    saves.inc({ how: 'lost' });
    this.#lockedAhead = lockedBatches;
    return true;
  }

  async #save(batch: LaneBatch): Promise<Saved> {
    const parts = batch.decide(await this.store.loadMany(batch.wanted(), batch.lookups));
    return parts.length === 0 ? nothingSaved : this.store.savePrepared(parts, { onBusy: 'refuse' });
  }

  #saveLocked(batch: LaneBatch): Promise<Saved> {
    const { lookups } = batch;
    return this.store.decideLocked(batch.wanted({ locked: true }), (loaded) => batch.decide(loaded), { lookups });
  }

  /**
   * The fault of one request does not fail the others. A store that does not answer fails all: halves would each wait
   * for it.
   */
  async #fail(batch: LaneBatch, error: unknown): Promise<void> {
    const isFaultOfOne = error instanceof InvalidSave || error instanceof PayloadTooLarge;
    if (batch.size < 2 || !isFaultOfOne) return batch.fail(error);
    for (const half of batch.halves()) await this.#settle(half);
  }
}

const nothingSaved: Saved = { outcome: 'stored', events: [] };

/**
 * True if another writer was faster, or holds an existing aggregate: its lock is worth waiting for. False for a taken
 * name, and for a store that can't accept the save at all.
 */
const isLost = (error: unknown): boolean =>
  error instanceof ConcurrencyException
    ? error.conflicts.some(({ expected }) => expected > 0)
    : error instanceof Busy && error.details?.['aggregates'] !== undefined;

/** True if a new decision may be stored. */
const isWorthAnother = (error: unknown, locked: boolean): boolean =>
  error instanceof ConcurrencyException || error instanceof EventIdTaken || (!locked && isLost(error));
