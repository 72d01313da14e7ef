import { topics, type TopicDeclaration } from '@tradecore/events';
import { partitionKey } from './message.ts';
import { createTestBroker, type TestBroker } from './testing.ts';

const declarations: TopicDeclaration[] = [topics.orderEvents, topics.userNotifications, topics.deadLetters, topics.relayPosition];

describe('a broker', () => {
  let test: TestBroker;
  beforeAll(async () => {
    test = await createTestBroker({ declarations });
  });
  afterAll(async () => test.drop());

  it('publishes and reads back', async () => {
    const t0 = performance.now();
    await test.broker.eventBus().publish(topics.userNotifications.name, { key: 'a', value: 'one', headers: { x: 'y' } });
    const t1 = performance.now();
    await test.broker.eventBus().publish(topics.userNotifications.name, { key: 'a', value: 'two' });
    const t2 = performance.now();
    const read = await test.readTopic(topics.userNotifications.name);

    expect(read.map(({ value }) => value?.toString())).toEqual(['one', 'two']);
  });

  it('consumes', async () => {
    const seen: string[] = [];
    const t0 = performance.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    const consumer = test.broker.runConsumer({
      group: 'g',
      topics: [topics.userNotifications.name],
      positions: async (assigned) => new Map(assigned.map((each) => [partitionKey(each), each.startOffset])),
      onBatch: async (batch) => {
        seen.push(...batch.messages.map(({ value }) => String(value)));
        consumer.hint(batch);
        if (seen.length === 2) resolve();
      },
    });
    await promise;

    const t1 = performance.now();
    await consumer.stop();
  });

  it('verifies', async () => {
    const t1 = performance.now();
    await test.broker.verifyTransactions();

    const producer = await test.broker.openTransactional({ transactionalId: 'relay', writer: 'relay' });
    const times: number[] = [];
    for (let n = 1; n <= 200; n++) {
      const t = performance.now();
      await producer.send({
        batches: [{ topic: topics.orderEvents.name, messages: [{ key: String(n), value: `v${n}` }] }],
        group: 'relay',
        positionTopic: topics.relayPosition.name,
        partition: 0,
        offset: BigInt(n),
      });
      times.push(performance.now() - t);
    }
    times.sort((a, b) => a - b);

    await producer.discard();
  });
});
