import { createEventStore, type AnyAggregate, type PostgresEventStore } from '@tradecore/event-sourcing';
import { catalogue, freshId, topics, type Event, type RecordedEvent } from '@tradecore/events';
import { encode, type TransactionalProducer } from '@tradecore/messaging';
import { runInContext } from '@tradecore/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningCommandApi } from './running-command-api.ts';

/** A stream of steps that decides nothing. */
class Steps implements AnyAggregate {
  static readonly type = 'OrderPlacement';
  version = 0;
  uncommittedEvents: readonly Event[] = [];

  constructor(readonly id: string) {}

  ask(steps: readonly Event[]): void {
    this.version += steps.length;
    this.uncommittedEvents = steps;
  }

  markCommitted(): void {
    this.uncommittedEvents = [];
  }

  startAt(): never {
    throw new Error('it is never loaded');
  }

  replay(): never {
    throw new Error('it is never loaded');
  }

  record(): never {
    throw new Error('it decides nothing');
  }
}

/** Asks what a saga asks: its steps are stored, then put on their topic, as the relay does. */
export class AskingSaga {
  readonly id = freshId();
  readonly #steps = new Steps(this.id);
  #sent = 0n;

  private constructor(
    private readonly api: RunningCommandApi,
    private readonly store: PostgresEventStore,
    private readonly producer: TransactionalProducer,
  ) {}

  static async of(api: RunningCommandApi): Promise<AskingSaga> {
    const store = createEventStore({ dataSource: api.database.dataSource, catalogue });
    const writer = { transactionalId: `relay-${freshId()}`, writer: 'relay' } as const;
    return new AskingSaga(api, store, await api.around.kafka.kafka.openTransactional(writer));
  }

  /** Stores and sends steps; does not wait for answers. */
  async ask(...steps: readonly Event[]): Promise<readonly RecordedEvent[]> {
    this.#steps.ask(steps);
    const context = { correlationId: freshId(), account: this.api.account, actor: 'somebody' };
    const { events } = await runInContext(context, () => this.store.saveAggregate(this.#steps));
    await this.send(events);
    return events;
  }

  /** Sends stored steps once more, as a relay never does, and as one that was restored may. */
  async send(events: readonly RecordedEvent[]): Promise<void> {
    const messages = events.map(({ data, ...envelope }) =>
      encode({ ...envelope, dataText: JSON.stringify(data) }, (data as { readonly target: string }).target),
    );
    await this.producer.send({
      batches: [{ topic: topics.orderPlacement.name, messages }],
      group: 'test-relay',
      positionTopic: topics.relayPosition.name,
      partition: 0,
      offset: (this.#sent += 1n),
    });
  }

  /** What the asked aggregates stored for this saga, once it is `count` events; fails when more come. */
  async answers(count: number): Promise<RecordedEvent[]> {
    const query = `select event_id as id, aggregate_id as "aggregateId", event_type as type, event_data as data, causation_id as "causationId",
      correlation_id as "correlationId", metadata from event_store where saga_id = $1 order by position`;
    for (;;) {
      const found = await this.api.database.dataSource.query<RecordedEvent[]>(query, [this.id]);
      if (found.length > count) throw new Error(`${found.length} answers, not ${count}: ${JSON.stringify(found)}`);
      if (found.length === count) return found;
      await sleep(10);
    }
  }

  async end(): Promise<void> {
    await this.producer.discard();
    await this.store.close();
  }
}
