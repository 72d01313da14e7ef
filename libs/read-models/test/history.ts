import type { AnyAggregate } from '@tradecore/event-sourcing';
import { freshId, type Event, type RecordedEvent } from '@tradecore/events';
import { recordedSample } from '@tradecore/events/testing';

/** The events an aggregate has decided, as stored: versions from 1, a second apart. For tests. */
export const historyOf = (type: string, aggregate: AnyAggregate, account = aggregate.id): RecordedEvent[] =>
  aggregate.uncommittedEvents.map((event: Event, index) =>
    recordedSample(event, {
      id: freshId(),
      aggregateId: aggregate.id,
      aggregateType: type,
      aggregateVersion: index + 1,
      metadata: { account },
      time: `2026-01-02T${String(Math.floor(index / 3600) % 24).padStart(2, '0')}:${String(Math.floor(index / 60) % 60).padStart(2, '0')}:${String(index % 60).padStart(2, '0')}.000000Z`,
    }),
  );
