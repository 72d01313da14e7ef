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

/** Milliseconds that a read waits for the read model, at most. */
const waitLimit = 2000;
/** Reads that wait at the same time; each asks again every 5 to 40 ms. */
const waitersLimit = 200;

const waits = histogram({
  name: 'consistency_wait_seconds',
  help: 'How long reads waited for the write that their token names.',
});
const refusals = counter({
  name: 'consistency_refusals_total',
  help: 'Reads that could not show the write of their token, by reason.',
  labels: { reason: ['behind', 'parked', 'crowded'] },
});

/** Read-your-writes: holds a read until the read model shows what the token of a write names. */
@Injectable()
export class ConsistentReads {
  #waiters = 0;

  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(EventStore) private readonly store: EventStore,
    @Inject(Access) private readonly access: Access,
  ) {}

  /**
   * Resolves when the read model shows `token`, or when it does not follow that kind of thing. Refuses with 503 after 2 s, with how far it is
   * behind; at once, with the reason, when the thing is parked; with 400 a token of a write that never was, or of a foreign thing.
   */
  async waitFor(model: ReadModel, token: Consistency, caller: Caller): Promise<void> {
    let shown = await progressOf(this.db, model, token.aggregateId);
    if (shown.version >= token.version) return;
    const written = await this.#written(token, caller);
    if (written.aggregateType !== readModels[model].follows) return;
    if (this.#waiters >= waitersLimit) throw behind('crowded', { token, shown, written });
    const started = performance.now();
    this.#waiters += 1;
    try {
      for (let pause = 5; shown.version < token.version; pause = Math.min(pause * 2, 40)) {
        if (shown.parked !== undefined) throw parked(shown.parked);
        if (performance.now() - started > waitLimit) throw behind('behind', { token, shown, written });
        await sleep(pause);
        shown = await progressOf(this.db, model, token.aggregateId);
      }
    } finally {
      this.#waiters -= 1;
      waits.observe((performance.now() - started) / 1000);
    }
  }

  /** The event that the token names, if it is the caller's to know of. */
  async #written({ aggregateId, version }: Consistency, caller: Caller): Promise<RecordedEvent> {
    const [event] = await this.store.readEvents(aggregateId, { from: version, to: version });
    const [first] = version === 1 ? [event] : await this.store.readEvents(aggregateId, { to: 1 });
    if (event && first && (await this.#mayKnow(first, caller))) return event;
    throw new RequestRefused(400, 'unknown-consistency-token', 'The Consistency-Token names no write of yours.', {
      errors: [{ pointer: '#/consistency-token', in: 'header', code: 'unknown', detail: 'names no write of yours' }],
    });
  }

  /** Operators know of controls; of all else, whoever may read its account. */
  async #mayKnow(first: RecordedEvent, caller: Caller): Promise<boolean> {
    if (first.aggregateType === 'TradingControl') return caller.role === 'operator';
    const account = accountOf(first);
    return account !== undefined && (await this.access.may(caller, account));
  }
}

function parked(reason: string): RequestRefused {
  refusals.inc({ reason: 'parked' });
  return new RequestRefused(
    503,
    'read-model-parked',
    `The read model takes no changes of this for now: ${reason}. Without the token, it shows the order as it was before.`,
  );
}

interface Lag {
  readonly token: Consistency;
  readonly shown: Progress;
  readonly written: RecordedEvent;
}

function behind(reason: 'behind' | 'crowded', { token, shown, written }: Lag): RequestRefused {
  refusals.inc({ reason });
  const lagSeconds = Math.max(0, (Date.now() - Date.parse(written.time)) / 1000);
  return new RequestRefused(503, 'read-model-behind', 'The read model does not show this write yet.', {
    headers: { 'retry-after': '1' },
    extensions: { writtenVersion: token.version, shownVersion: shown.version, lagSeconds },
  });
}
