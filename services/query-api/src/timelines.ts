import { Inject, Injectable } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import {
  catalogue,
  causedEventId,
  placementIdFor,
  upcast,
  type OrderPlacementEvent,
  type OrderTerms,
  type RecordedEvent,
  type Step,
} from '@tradecore/events';
import { type TimelineEntry, type TimelineResponse } from '@tradecore/api';
import { orderFrom } from '@tradecore/read-models';
import { DataSource } from 'typeorm';
import { statusWaits, stepWaits, textOf } from './timeline-text.ts';

/** Events of a saga that are read for one answer, at most: thirty for an order that trades in a few parts. Beyond, the last bookings are not told. */
const sagaLimit = 10_000;
const pageSize = 1000;

type Stored = RecordedEvent<OrderPlacementEvent>;

/** Tells an order's life from what is stored: its own events, what the account did for it, and what its saga still waits for. */
@Injectable()
export class Timelines {
  constructor(
    @Inject(EventStore) private readonly store: EventStore,
    @Inject(DataSource) private readonly db: DataSource,
  ) {}

  /** The timeline of the order whose stored events, all of them, these are. */
  async of(order: readonly RecordedEvent[]): Promise<TimelineResponse> {
    const [placed] = order;
    if (!placed) throw new Error('an order without events has no timeline');
    const saga = await this.#saga(placementIdFor(placed.aggregateId));
    const steps = stepsOf(saga);
    const answers = await this.#answers(steps.keys());
    const account = [...answers.values()].filter(({ aggregateType }) => aggregateType === 'Account');
    const terms = placed.data as OrderTerms;
    const entries = [
      ...entriesOf('order', order, terms),
      ...entriesOf('account', account, terms),
      ...entriesOf('saga', saga, terms),
    ];
    return { entries: entries.sort(byTime), waitingFor: waitingFor(order, steps, answers) };
  }

  async #saga(sagaId: string): Promise<Stored[]> {
    const events: RecordedEvent[] = [];
    for (;;) {
      const page = await this.store.readEvents(sagaId, { from: events.length + 1, limit: pageSize });
      events.push(...page);
      if (page.length < pageSize || events.length >= sagaLimit) return events as Stored[];
    }
  }

  /** The first event that each step caused, by its id; none for a step that was not answered. */
  async #answers(ids: Iterable<string>): Promise<ReadonlyMap<string, RecordedEvent>> {
    const rows = await this.db.query<RecordedEvent[]>(
      `select event_id as id, aggregate_id as "aggregateId", aggregate_type as "aggregateType", aggregate_version as "aggregateVersion",
              event_type as type, schema_version as "schemaVersion", event_data as data,
              to_char(timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time
         from event_store where event_id = any($1::uuid[])`,
      [[...ids]],
    );
    return new Map(rows.map((event) => [event.id, event]));
  }
}

/** The steps of a saga by the id of the event that answers them; a step that was asked again has one answer. */
function stepsOf(saga: readonly Stored[]): ReadonlyMap<string, Stored> {
  const steps = saga.filter((event) => event.type in stepWaits);
  return new Map(
    steps.map((event) => {
      const { commandId, target } = event.data as Step;
      return [causedEventId(commandId, target, 0), event];
    }),
  );
}

function waitingFor(
  order: readonly RecordedEvent[],
  steps: ReadonlyMap<string, Stored>,
  answers: ReadonlyMap<string, RecordedEvent>,
): string[] {
  const open = [...steps].flatMap(([answer, { type }]) => (answers.has(answer) ? [] : (stepWaits[type] ?? [])));
  if (open.length > 0) return [...new Set(open)];
  const status = orderFrom(order)?.status;
  const waits = status && statusWaits[status];
  return waits === undefined ? [] : [waits];
}

function entriesOf(source: TimelineEntry['source'], events: readonly RecordedEvent[], terms: OrderTerms): TimelineEntry[] {
  return events.flatMap((stored) => {
    const event = upcast(catalogue, stored);
    const text = textOf(source, event, terms);
    const { time, type, aggregateVersion: version } = event;
    return text === undefined ? [] : [{ time, text, event: type, source, version }];
  });
}

/** By time; what was stored in the same microsecond stays in the order order, account, saga, and of its stream. */
const byTime = (one: TimelineEntry, other: TimelineEntry): number => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0);
