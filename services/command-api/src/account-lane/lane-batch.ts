import type { EventStore, LoadedMany, PartToSave, PreparedEvent, Wanted } from '@tradecore/event-sourcing';
import { tradingControlIdFor, type RecordedEvent } from '@tradecore/events';
import type { WorkContext } from '@tradecore/telemetry';
import { Account, Order, TradingControl } from '@tradecore/trading';
import { copyOf, type AccountRequest, type AccountState, type Decision } from './account-request.ts';
import type { WarmAccounts } from './warm-accounts.ts';

/** A queued request, with the context of its caller. */
export interface WaitingRequest {
  readonly request: AccountRequest<unknown>;
  readonly context: WorkContext;
  readonly since: number;
  /** The most bytes of its events. */
  readonly bytes: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A request failed after it changed the account: the others are decided again without it. */
export class HalfDecided extends Error {}

interface Decided {
  readonly waiting: WaitingRequest;
  readonly decision: Decision<unknown>;
  readonly eventIds: readonly string[];
}

/** Requests of one account that are decided in sequence and stored together. */
export class LaneBatch {
  #waiting: readonly WaitingRequest[];
  #decided: Decided[] = [];
  #refused: { readonly waiting: WaitingRequest; readonly error: unknown }[] = [];
  #account: Account | undefined;
  /** Ids of new orders that turned out to exist. */
  readonly #taken = new Set<string>();

  constructor(
    readonly accountId: string,
    private readonly store: EventStore,
    private readonly warm: WarmAccounts,
    waiting: readonly WaitingRequest[],
  ) {
    this.#waiting = waiting;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** The context of its first request, for the trace of the SQL. */
  get context(): WorkContext | undefined {
    return this.#waiting[0]?.context;
  }

  /**
   * The account, both controls and the changed orders; under locks also the new orders, so that all lock in one order.
   */
  wanted({ locked = false } = {}): Wanted[] {
    const orders = this.#waiting.flatMap(({ request: { changesOrder, createsOrder } }) => [
      ...(changesOrder === undefined ? [] : [changesOrder]),
      ...(locked && createsOrder !== undefined ? [createsOrder] : []),
    ]);
    return [...this.warm.wanted(this.accountId), ...orders.map((id) => ({ type: Order, id }))];
  }

  get lookups(): string[] {
    return this.#waiting.flatMap(({ request }) => request.lookups ?? []);
  }

  /** Decides all requests on what was loaded. Returns the parts to save; empty if nothing changes. */
  decide(loaded: LoadedMany): PartToSave[] {
    this.warm.keep(this.accountId, loaded);
    [this.#decided, this.#refused] = [[], []];
    const account = (this.#account = copyOf(loaded.get(Account, this.accountId).aggregate));
    const state = this.#stateOf(account, loaded);
    const expected = account.version;
    const parts: PartToSave[] = [];
    const accountEvents: PreparedEvent[] = [];
    for (const waiting of this.#waiting) {
      const before = account.version;
      try {
        const decision = waiting.request.decide(state);
        const own = this.#prepare(waiting, decision, account.uncommittedEvents.slice(before - expected));
        parts.push(...own.parts);
        accountEvents.push(...own.accountEvents);
        const events = [...own.parts.flatMap((part) => part.events), ...own.accountEvents];
        this.#decided.push({ waiting, decision, eventIds: events.map(({ id }) => id) });
      } catch (error) {
        if (account.version !== before) throw this.#without(waiting, error);
        this.#refused.push({ waiting, error });
      }
    }
    if (accountEvents.length > 0) parts.push({ type: Account.type, id: this.accountId, expected, events: accountEvents });
    return parts.length === 0 ? [] : [...parts, ...this.#assertions(state)];
  }

  /** Marks these orders as existing for the next decision. */
  take(orderIds: readonly string[]): void {
    for (const id of orderIds) this.#taken.add(id);
  }

  /** Answers every request from what was stored. */
  deliver(stored: readonly RecordedEvent[]): void {
    const byId = new Map(stored.map((event) => [event.id, event]));
    if (this.#account && this.#account.uncommittedEvents.length > 0) this.warm.record(this.#account, stored);
    for (const { waiting, decision, eventIds } of this.#decided) {
      try {
        waiting.resolve(decision.answer(eventIds.map((id) => byId.get(id) as RecordedEvent)));
      } catch (error) {
        waiting.reject(error);
      }
    }
    for (const { waiting, error } of this.#refused) waiting.reject(error);
  }

  /** Rejects every request. */
  fail(error: unknown): void {
    for (const { reject } of this.#waiting) reject(error);
  }

  /** Two batches of about the same size, in the same order. */
  halves(): LaneBatch[] {
    const middle = Math.ceil(this.#waiting.length / 2);
    const halves = [this.#waiting.slice(0, middle), this.#waiting.slice(middle)];
    return halves.map((waiting) => new LaneBatch(this.accountId, this.store, this.warm, waiting));
  }

  #stateOf(account: Account, loaded: LoadedMany): AccountState {
    const versionOf = (id: string): number => {
      const found = loaded.aggregates.get(id);
      return found === undefined || found instanceof Error ? 0 : found.aggregate.version;
    };
    const control = (scope: string) => loaded.get(TradingControl, tradingControlIdFor(scope)).aggregate;
    return {
      now: loaded.now,
      epoch: loaded.epoch,
      account,
      controls: [control('all'), control(this.accountId)],
      order: (id) => loaded.get(Order, id).aggregate,
      stored: (id) => loaded.events.get(id),
      isTaken: (id) => this.#taken.has(id) || versionOf(id) > 0,
    };
  }

  #prepare(
    { request: { commandId, accountId }, context: asked }: WaitingRequest,
    { changes = [] }: Decision<unknown>,
    accountEvents: Account['uncommittedEvents'],
  ) {
    const context = { ...asked, account: accountId, ...(commandId !== undefined && { commandId }) };
    const parts = changes.map(({ events, ids, sagaId, ...part }): PartToSave => {
      const options = { context: { ...context, ...(sagaId !== undefined && { sagaId }) }, ...(ids && { ids }) };
      return { ...part, events: this.store.prepare(part, events, options) };
    });
    const target = { type: Account.type, id: accountId };
    return { parts, accountEvents: accountEvents.length === 0 ? [] : this.store.prepare(target, accountEvents, { context }) };
  }

  #without(waiting: WaitingRequest, error: unknown): HalfDecided {
    this.#waiting = this.#waiting.filter((each) => each !== waiting);
    waiting.reject(error);
    return new HalfDecided();
  }

  #assertions({ controls }: AccountState): PartToSave[] {
    if (!this.#decided.some(({ decision }) => decision.judged === true)) return [];
    return controls.map(({ id, version }) => ({ type: TradingControl.type, id, expected: version, events: [] }));
  }
}

/** The aggregates that the save would have created, but another writer has. */
export const newAmong = (conflicts: readonly { readonly aggregateId: string; readonly expected: number }[]): string[] =>
  conflicts.filter(({ expected }) => expected === 0).map(({ aggregateId }) => aggregateId);
