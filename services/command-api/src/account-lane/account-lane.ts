import {
  Busy,
  ConcurrencyException,
  EventIdTaken,
  limits,
  OutcomeUnknown,
  type EventStore,
  type Saved,
} from '@tradecore/event-sourcing';
import { runInContext } from '@tradecore/telemetry';
import { HalfDecided, LaneBatch, newAmong, type WaitingRequest } from './lane-batch.ts';
import type { WarmAccounts } from './warm-accounts.ts';

/** Requests of one account that wait in this process, at most. */
const queueLimit = 1000;
/** Milliseconds after which a request is refused when its turn comes: whoever made it has given up, or soon will. */
const patienceMs = 5000;
/** Times that a batch is decided: each time but the first somebody else was faster, or a name turned out to be taken. */
const attemptLimit = 10;

/**
 * What changes one account in this process, one after the other. Requests that wait are decided in memory and stored together, on a warm account:
 * one load and one save for up to 100 events. After a save that was lost to another writer, the account is decided under its lock.
 */
export class AccountLane {
  #queue: WaitingRequest[] = [];
  #running = false;

  constructor(
    private readonly accountId: string,
    private readonly store: EventStore,
    private readonly warm: WarmAccounts,
    private readonly onIdle: () => void,
  ) {}

  /** Takes a request in; throws `Busy` when too many wait. */
  add(waiting: WaitingRequest): void {
    if (this.#queue.length >= queueLimit) throw new Busy('Too many requests for this account are waiting.');
    this.#queue.push(waiting);
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

  /** The next requests that fit in one save. Two of one order never share a save: the second hears what came of the first. */
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
    this.#queue = later;
    return batch;
  }

  /** Answers every request of the batch. */
  async #settle(batch: LaneBatch): Promise<void> {
    let locked = false;
    for (let attempt = 1; attempt <= attemptLimit && batch.size > 0; attempt += 1) {
      try {
        const { outcome, events } = await (locked ? this.#saveLocked(batch) : this.#save(batch));
        if (outcome === 'stored') return batch.deliver(events);
        // All of it was stored before: looked up the next time.
      } catch (error) {
        if (error instanceof HalfDecided) attempt -= 1;
        else if (error instanceof EventIdTaken) continue;
        else if (error instanceof ConcurrencyException) {
          batch.take(newAmong(error.conflicts));
          locked ||= error.conflicts.some(({ expected }) => expected > 0);
        } else if (!locked && isHeldByOthers(error)) locked = true;
        else return this.#fail(batch, error);
      }
    }
    batch.fail(new Busy('Others changed the account at the same time, again and again.'));
  }

  async #save(batch: LaneBatch): Promise<Saved> {
    const parts = batch.decide(await this.store.loadMany(batch.wanted(), batch.lookups));
    return parts.length === 0 ? nothingSaved : this.store.savePrepared(parts, { onBusy: 'refuse' });
  }

  #saveLocked(batch: LaneBatch): Promise<Saved> {
    const { lookups } = batch;
    return this.store.decideLocked(batch.wanted({ locked: true }), (loaded) => batch.decide(loaded), { lookups });
  }

  /** What one request is to blame for does not fail the others. */
  async #fail(batch: LaneBatch, error: unknown): Promise<void> {
    if (batch.size < 2 || error instanceof Busy || error instanceof OutcomeUnknown) return batch.fail(error);
    for (const half of batch.halves()) await this.#settle(half);
  }
}

const nothingSaved: Saved = { outcome: 'stored', events: [] };

/** Another save holds an aggregate: its lock is worth waiting for. Else the store as a whole can't take the save. */
const isHeldByOthers = (error: unknown): boolean => error instanceof Busy && error.details?.['aggregates'] !== undefined;
