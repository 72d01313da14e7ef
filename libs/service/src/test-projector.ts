import type { TestDatabase } from '@tradecore/event-sourcing/testing';
import { topics } from '@tradecore/events';
import type { KafkaClient } from '@tradecore/messaging';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import type { DataSource } from 'typeorm';
import type { RunningService, ServiceOptions } from './run/run-service.ts';
import { startTestService } from './test-service.ts';

/** Where a test writes what the projector should show: `TestReadModels`. */
export interface Written {
  readonly database: TestDatabase;
  relay(kafka: KafkaClient): Promise<void>;
  drop(): Promise<void>;
}

/** A running projector with its own broker, and the test's store that feeds it. */
export class TestProjector<W extends Written> {
  #services: RunningService[] = [];

  private constructor(
    readonly models: W,
    readonly kafka: TestKafka,
    /** Logged in as a reader: what a reader may not see, the tests do not see. */
    readonly db: DataSource,
    private readonly options: ServiceOptions,
  ) {}

  /** Starts the service of a projector. `env`: further settings. */
  static async start<W extends Written>(
    options: ServiceOptions,
    models: W | Promise<W>,
    env: Readonly<Record<string, string>> = {},
  ): Promise<TestProjector<W>> {
    const relayed = Object.values(topics).filter(({ writer }) => writer === 'relay');
    const declarations = [...relayed, topics.deadLetters, topics.relayPosition];
    const [written, kafka] = await Promise.all([models, createTestKafka({ declarations })]);
    const running = new TestProjector(written, kafka, await written.database.dataSourceFor('query-api'), options);
    await running.another(env);
    return running;
  }

  /** Starts one more replica. */
  async another(env: Readonly<Record<string, string>> = {}): Promise<RunningService> {
    const service = await startTestService(this.options, {
      DATABASE_URL: this.models.database.urlFor(this.options.name),
      KAFKA_BROKERS: this.kafka.brokers.join(),
      NAMESPACE: this.kafka.namespace,
      ...env,
    });
    this.#services.push(service);
    return service;
  }

  /** Relays what was written since to its topics. */
  relay(): Promise<void> {
    return this.models.relay(this.kafka.kafka);
  }

  /** Stops every replica. */
  async halt(): Promise<void> {
    await Promise.all(this.#services.splice(0).map((each) => each.stop()));
  }

  /** Stops every replica and drops the test's resources. */
  async drop(): Promise<void> {
    await this.halt();
    await Promise.all([this.models.drop(), this.kafka.drop()]);
  }
}

/** Waits for a condition that must become true; the test's timeout ends it. */
export async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
