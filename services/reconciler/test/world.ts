import { createEventStore } from '@tradecore/event-sourcing';
import type { TestDatabase } from '@tradecore/event-sourcing/testing';
import { catalogue, topics, type RecordedEvent } from '@tradecore/events';
import { encode, type KafkaClient } from '@tradecore/messaging';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { TestReadModels } from '@tradecore/read-models/testing';
import type { RunningService } from '@tradecore/service';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { eventually, startTestService } from '@tradecore/service/testing';
import { reconciler } from '../src/reconciler.module.ts';

/** A finding as its row says it. */
export interface Finding {
  readonly check: string;
  readonly kind: string;
  readonly subject: string;
  readonly detail: string;
}

const relayed = Object.values(topics).filter(({ writer }) => writer === 'relay');

/** A store with read models, its topics, a relay by hand, and the reconciler, which judges what has been quiet for 300 ms. */
export class World {
  private constructor(
    readonly models: TestReadModels,
    readonly kafka: TestKafka,
  ) {}

  static async create(): Promise<World> {
    const declarations = [...relayed, topics.relayPosition, topics.reconciliationReports, topics.deadLetters];
    const [models, kafka] = await Promise.all([
      TestReadModels.create({ migrations: runtimeMigrations }),
      createTestKafka({ declarations, partitions: 2 }),
    ]);
    return new World(models, kafka);
  }

  get database(): TestDatabase {
    return this.models.database;
  }

  start(settings: Readonly<Record<string, string>> = {}): Promise<RunningService> {
    return startTestService(reconciler, {
      DATABASE_URL: this.database.urlFor('reconciler'),
      KAFKA_BROKERS: this.kafka.brokers.join(),
      NAMESPACE: this.kafka.namespace,
      LOG_LEVEL: 'fatal',
      CHECK_ROUND: '50',
      CHECK_QUIET: '300',
      CHECK_WINDOW: '300',
      CHECK_SWEEP: '100',
      ...settings,
    });
  }

  /** As a superuser, whom no trigger and no right keeps out. */
  async sql<Row>(text: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    const [rows] = [await this.database.dataSource.query(text, [...parameters])] as [Row[]];
    return rows;
  }

  /** Changes what only ever grows. */
  async tamper(text: string, parameters: readonly unknown[]): Promise<void> {
    await this.database.dataSource.transaction(async (tx) => {
      await tx.query('set local session_replication_role = replica');
      await tx.query(text, [...parameters]);
    });
  }

  /** What the outbox holds goes to its topics, in order of `seq`; the floor moves up. */
  async relay(): Promise<void> {
    await this.models.relay(this.kafka.kafka);
    await this.raiseFloor();
  }

  /** As the relay's heartbeat does when nothing waits. */
  async raiseFloor(): Promise<void> {
    await this.sql('update outbox_relay set floor = (select last_value from event_position)');
  }

  /** Writes these events to a topic with the rights of the relay. */
  async publish(topic: string, events: readonly RecordedEvent[], kafka: KafkaClient = this.kafka.kafka): Promise<void> {
    const producer = await kafka.openTransactional({ transactionalId: 'test-relay', writer: 'relay' });
    const texts = await this.sql<{ id: string; text: string }>(
      'select event_id as id, event_data::text as text from event_store where event_id = any ($1::uuid[])',
      [events.map(({ id }) => id).filter((id) => id.length === 36)],
    );
    const stored = new Map(texts.map(({ id, text }) => [id, text]));
    const messages = events.map((event) => encode({ ...event, dataText: stored.get(event.id) ?? JSON.stringify(event.data) }));
    const position = { group: 'test-relay', positionTopic: topics.relayPosition.name, partition: 0, offset: 0n };
    await producer.send({ batches: [{ topic, messages }], ...position });
    await producer.discard();
  }

  /** The events of an aggregate. */
  async history(id: string): Promise<RecordedEvent[]> {
    const store = createEventStore({ dataSource: this.database.dataSource, catalogue });
    return store.readEvents(id).finally(() => store.close());
  }

  open(): Promise<Finding[]> {
    return this.sql<Finding>(
      `select check_name as check, kind, subject, detail from reconciler.findings where closed_at is null order by first_seen, kind`,
    );
  }

  /** The open finding about it. */
  finding(check: string, kind: string, subject: string): Promise<Finding> {
    return eventually(async () =>
      (await this.open()).find((each) => each.check === check && each.kind === kind && each.subject === subject),
    );
  }

  /** The corrections proposed for a finding: kind, owner, and what each asks about. */
  proposed(kind: string, subject: string): Promise<object[]> {
    return this.sql<object>(
      `select c.kind, c.owner, c.target, c.events, c.version from reconciler.corrections c join reconciler.findings f using (finding_id)
        where f.kind = $1 and f.subject = $2 order by c.owner`,
      [kind, subject],
    );
  }

  /** Both sides are compared up to now, and the sweep has been everywhere. */
  async compared(): Promise<void> {
    const since = Date.now();
    await eventually(async () => {
      const rows = await this.sql<{ until: Date }>(
        `select covered_until as until from reconciler.checks where check_name in ('topics', 'models') and covered_until > $1`,
        [new Date(since)],
      );
      return rows.length === 2 ? true : undefined;
    });
  }

  async drop(): Promise<void> {
    await Promise.all([this.models.drop(), this.kafka.drop()]);
  }
}
