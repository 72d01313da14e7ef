import { BaseAggregate } from '@tradecore/event-sourcing';
import { causedEventId, freshId, type Event } from '@tradecore/events';
import { recordedSample } from '@tradecore/events/testing';
import fc from 'fast-check';
import type { Process } from './process.ts';
import { UnitOfWork } from './unit-of-work.ts';

class Errand extends BaseAggregate<never> {
  static readonly type = 'Errand';
}

const steps = [
  { commandId: 'first', target: 'purse', dueAt: '2026-01-02T09:00:30.000Z' },
  { commandId: 'second', target: 'purse', dueAt: '2026-01-02T09:00:35.000Z' },
];

const process: Process = {
  aggregates: [Errand],
  idsOf: () => undefined,
  decide: () => [],
  dueAt: (_, __, received = new Set()) => steps.find(({ commandId }) => !received.has(commandId))?.dueAt,
  openSteps: () => steps,
  onDeadline: () => [[]],
  isEnded: () => false,
  isStuck: () => false,
};

describe('a deadline of a saga with two open steps', () => {
  it('waits for the later step, and is not parked, when the other side has received the earlier one', () => {
    const id = freshId();
    const errand = new Errand(id);
    errand.startAt(2);
    const row = { sagaId: id, aggregateIds: [id], heard: {}, origin: { correlationId: id }, isStuck: false, revision: 1 };
    const unit = new UnitOfWork(
      { process, topics: [], catalogue: {}, store: { prepare: () => [] } },
      {
        aggregates: new Map([[id, { aggregate: errand, lastEventId: null }]]),
        events: new Map(),
        rows: new Map([[id, { ...row, dueAt: '2026-01-02T09:00:30.000Z' }]]),
        parked: [],
        missed: new Map(),
        now: '2026-01-02T09:00:31.000Z',
      },
    );
    expect(unit.onDeadline(id, new Set(['first']))).toBeUndefined();
    expect(unit.changes()).toMatchObject([{ sagaId: id, dueAt: '2026-01-02T09:00:35.000Z' }]);
  });
});

describe('what a correction lets a saga hear again', () => {
  class Happened {
    readonly type = 'Happened';
    readonly schemaVersion = 1;
    readonly data = {};
  }
  class Count extends BaseAggregate<Happened> {
    static readonly type = 'Count';
    onHappened(): void {}
  }
  const [sagaId, heardId] = [freshId(), freshId()];
  const history = Array.from({ length: 8 }, (_, n) =>
    recordedSample(new Happened(), { aggregateId: heardId, aggregateVersion: n + 1 }),
  );

  /** Hears some events again; `followed`: those from which something has followed. Returns what follows now. */
  function follows(again: readonly number[], followed: readonly number[]) {
    const count = new Count(sagaId);
    count.startAt(1);
    const row = {
      sagaId,
      aggregateIds: [sagaId],
      heard: { [heardId]: history.length },
      origin: { correlationId: sagaId },
      isStuck: false,
    };
    const prepare = (_: unknown, events: readonly Event[], { context }: { context: { causationId?: string } }) =>
      events.map((event, n) => ({ ...event, id: causedEventId(context.causationId ?? '', sagaId, n), data: '{}' }));
    const unit = new UnitOfWork(
      {
        process: { ...process, aggregates: [Count], decide: () => [[new Happened()]], dueAt: () => undefined } as never,
        topics: [],
        catalogue: {},
        store: { prepare: prepare as never },
      },
      {
        aggregates: new Map([[sagaId, { aggregate: count, lastEventId: null }]]) as never,
        events: new Map(followed.map((n) => [causedEventId((history[n] as { id: string }).id, sagaId, 0), recordedSample()])),
        rows: new Map([[sagaId, { ...row, revision: 1, dueAt: null }]]),
        parked: [],
        missed: new Map(),
        now: '2026-01-02T09:00:31.000Z',
      },
    );
    for (const n of again) {
      const event = history[n] as (typeof history)[number];
      unit.hear({ event, newest: event, ids: [sagaId], isAgain: true });
    }
    return { followed: unit.parts.map(({ events }) => events[0]?.id), heard: unit.changes()[0]?.heard[heardId] };
  }

  const some = fc.array(fc.nat(history.length - 1), { minLength: 1, maxLength: 12 });

  it('follows where nothing has followed, and nowhere else; what it has heard never goes back', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(history.length - 1), { minLength: 1 }), some, (again, followed) => {
        const missing = again.filter((n) => !followed.includes(n));
        const ids = missing.map((n) => causedEventId((history[n] as { id: string }).id, sagaId, 0));
        expect(follows(again, followed)).toEqual({ followed: ids, heard: history.length });
      }),
    );
  });
});
