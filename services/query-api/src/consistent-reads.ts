import { Inject, Injectable } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import type { RecordedEvent } from '@tradecore/events';
import { type Consistency } from '@tradecore/api';
import { progressOf, readModels, type Progress, type ReadModel } from '@tradecore/read-models';
import { RequestRefused, type Caller } from '@tradecore/service';
import { counter, histogram } from '@tradecore/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { Access } from './access.ts';
import { accountOf } from './order-history.ts';

/** The most milliseconds that a read waits for the read model. */
const waitLimit = 2000;
/** The most reads that wait at the same time; each polls every 5 to 40 ms. */
const waitersLimit = 200;

const waits = histogram({
  name: 'tradecore_consistency_wait_seconds',
  help: 'Seconds that reads waited for the write that their token names.',
});
const refusals = counter({
  name: 'tradecore_consistency_refusals_total',
  help: 'Reads that could not show the write that their token names, by reason.',
  labels: { reason: ['behind', 'parked', 'crowded'] },
});

/** An aggregate, and the version of it that a read must show. */
type Wanted = Pick<Consistency, 'aggregateId' | 'version'>;

/**
 * What a token requires of a read model: for models that follow accounts, an order's token names the account version
 * that shows the order's money.
 */
export const wantedOf = (model: ReadModel, { aggregateId, version, accountId, accountVersion }: Consistency): Wanted =>
  readModels[model].follows === 'Account' && accountId !== undefined && accountVersion !== undefined
    ? { aggregateId: accountId, version: accountVersion }
    : { aggregateId, version };

/** Read-your-writes: holds a read until the read model shows what its token names. */
@Injectable()
export class ConsistentReads {
  #waiters = 0;

  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(EventStore) private readonly store: EventStore,
    @Inject(Access) private readonly access: Access,
  ) {}

  /**
   * Resolves when the read model shows what `token` names, or at once if it does not follow that type of aggregate.
   * Refuses with 503 after 2 s, with how far it is behind; with 503 at once if the aggregate is parked; with 400 if the
   * token names no write visible to the caller, whatever the read model shows: otherwise made-up tokens would reveal
   * the versions of foreign aggregates.
   */
  async waitFor(model: ReadModel, token: Consistency, caller: Caller): Promise<void> {
    const wanted = wantedOf(model, token);
    const follows = await this.#typeVisible(wanted.aggregateId, caller);
    if (follows !== readModels[model].follows) return;
    let shown = await progressOf(this.db, model, wanted.aggregateId);
    if (shown.version >= wanted.version) return;
    const [written] = await this.store.readEvents(wanted.aggregateId, { from: wanted.version, to: wanted.version });
    if (!written) throw unknownToken();
    if (this.#waiters >= waitersLimit) throw behind('crowded', { wanted, shown, written });
    const started = performance.now();
    this.#waiters += 1;
    try {
      for (let pause = 5; shown.version < wanted.version; pause = Math.min(pause * 2, 40)) {
        if (shown.parked !== undefined) throw parked(shown.parked);
        if (performance.now() - started > waitLimit) throw behind('behind', { wanted, shown, written });
        await sleep(pause);
        shown = await progressOf(this.db, model, wanted.aggregateId);
      }
    } finally {
      this.#waiters -= 1;
      waits.observe((performance.now() - started) / 1000);
    }
  }

  /** The type of an aggregate, if the caller may see it. */
  async #typeVisible(aggregateId: string, caller: Caller): Promise<string> {
    const [first] = await this.store.readEvents(aggregateId, { to: 1 });
    if (first && (await this.#maySee(first, caller))) return first.aggregateType;
    throw unknownToken();
  }

  /** Operators see controls; anything else is visible to callers who may read its account. */
  async #maySee(first: RecordedEvent, caller: Caller): Promise<boolean> {
    if (first.aggregateType === 'TradingControl') return caller.role === 'operator';
    const account = accountOf(first);
    return account !== undefined && (await this.access.may(caller, account));
  }
}

/** The answer to a token of no visible write, whatever it names. */
export const unknownToken = (): RequestRefused =>
  new RequestRefused(400, 'unknown-consistency-token', 'The Consistency-Token names no write that is visible to you.', {
    errors: [{ pointer: '#/consistency-token', in: 'header', code: 'unknown', detail: 'names no write that is visible to you' }],
  });

function parked(reason: string): RequestRefused {
  refusals.inc({ reason: 'parked' });
  return new RequestRefused(
    503,
    'read-model-parked',
    `The read model is stopped at an event that it can't apply: ${reason}. Read without the token for the state before it.`,
  );
}

interface Lag {
  readonly wanted: Wanted;
  readonly shown: Progress;
  readonly written: RecordedEvent;
}

function behind(reason: 'behind' | 'crowded', { wanted, shown, written }: Lag): RequestRefused {
  refusals.inc({ reason });
  const lagSeconds = Math.max(0, (Date.now() - Date.parse(written.time)) / 1000);
  return new RequestRefused(503, 'read-model-behind', 'The read model does not show this write yet.', {
    headers: { 'retry-after': '1' },
    extensions: { writtenVersion: wanted.version, shownVersion: shown.version, lagSeconds },
  });
}
