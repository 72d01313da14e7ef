import { freshId, type RecordedEvent } from '@tradecore/events';
import type { EventStore } from '../store/event-store.ts';
import { retryOnConflict } from '../store/retry-on-conflict.ts';
import { Busy } from '../store/store-errors.ts';
import { Tally } from './tally.ts';

/** Stores over the same events, like several processes. */
export interface Racer {
  readonly stores: readonly EventStore[];
  /** Runs `work` in a transaction that is rolled back, if the store has transactions. */
  rollBack?(work: (store: EventStore) => Promise<void>): Promise<void>;
}

const writers = 32;
const rounds = 3;

/** All writers use the same two aggregates; exactly the acknowledged saves are stored: once, whole and in order. */
export async function race({ stores, rollBack }: Racer): Promise<void> {
  const ids = [freshId(), freshId()] as const;
  const acknowledged: { aggregateId: string; notes: string[] }[] = [];

  const work = async (store: EventStore, writer: number, round: number): Promise<typeof acknowledged> => {
    const chosen = (writer + round) % 3 === 0 ? ids : [ids[round % 2] as string];
    const given: typeof acknowledged = [];
    const tallies: Tally[] = [];
    for (const id of chosen) {
      const tally = await store.loadAggregate(Tally, id);
      const notes = Array.from({ length: 1 + ((writer + round) % 3) }, (_, each) => `${writer}/${round}/${each}`);
      if (tally.version === 0) tally.open('race');
      for (const note of notes) tally.raise(1, note);
      given.push({ aggregateId: id, notes });
      tallies.push(tally);
    }
    await store.saveAggregates(tallies);
    return given;
  };
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const store = stores[writer % stores.length] as EventStore;
      for (let round = 0; round < rounds; round += 1) {
        if ((writer * rounds + round) % 10 > 0) acknowledged.push(...(await untilDone(() => work(store, writer, round))));
        else await rollBack?.(async (inside) => void (await work(inside, writer, round))).catch(ignoreContention);
      }
    }),
  );

  for (const id of ids) {
    const events = await (stores[0] as EventStore).readEvents(id);
    expect(events.map(({ aggregateVersion }) => aggregateVersion)).toEqual(events.map((_, index) => index + 1));
    expectEachOnceAndWhole(
      events,
      acknowledged.filter(({ aggregateId }) => aggregateId === id).map(({ notes }) => notes),
    );
  }
}

function expectEachOnceAndWhole(events: readonly RecordedEvent[], saves: readonly string[][]): void {
  const stored = events.flatMap(({ data }) => ('note' in data ? [String(data.note)] : []));
  expect(stored.toSorted()).toEqual(saves.flat().toSorted());
  for (const notes of saves) {
    const start = stored.indexOf(notes[0] as string);
    expect(stored.slice(start, start + notes.length)).toEqual(notes);
  }
}

const ignoreContention = (error: unknown): void => {
  if (!(error instanceof Busy) && (error as { code?: string }).code !== 'version-conflict') throw error;
};

async function untilDone<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await retryOnConflict(work, 1000);
    } catch (error) {
      if (!(error instanceof Busy) || attempt === 20) throw error;
    }
  }
}
