import { BaseAggregate } from '@tradecore/event-sourcing';
import { freshId } from '@tradecore/events';
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
