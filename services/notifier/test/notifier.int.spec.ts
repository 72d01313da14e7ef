import { setTimeout as sleep } from 'node:timers/promises';
import { freshId, FundsDeposited, topics, TradingHalted, type RecordedEvent, WrittenText } from '@tradecore/events';
import { recordedSample } from '@tradecore/events/testing';
import type { TransactionalProducer } from '@tradecore/messaging';
import type { TestKafka } from '@tradecore/messaging/testing';
import { Health, type RunningService } from '@tradecore/service';
import { startTestService } from '@tradecore/service/testing';
import kafkajs from 'kafkajs';
import { Notifier } from '../src/notifier.ts';
import { notifier } from '../src/notifier.module.ts';
import { canceledOrders, createWorld, relay, told, toldAtLeast } from './world.ts';

let world: TestKafka;
let services: RunningService[];
const happened: RecordedEvent[] = [];

beforeAll(async () => {
  world = await createWorld();
  services = await Promise.all([start(), start()]);
}, 30_000);
afterAll(async () => {
  await Promise.all(services.map((each) => each.stop()));
  await world.drop();
}, 30_000);

const start = (): Promise<RunningService> =>
  startTestService(notifier, { KAFKA_BROKERS: world.brokers.join(), NAMESPACE: world.namespace });

async function happen(events: readonly RecordedEvent[], topic?: string): Promise<void> {
  happened.push(...events);
  await relay(world.kafka, events, topic);
}

/** Each event has caused one notice, and there are no others. */
async function eachOnce(): Promise<void> {
  await toldAtLeast(world, happened.length);
  const causes = (await told(world)).map(({ causedBy }) => causedBy);
  expect(causes.toSorted()).toEqual(happened.map(({ id }) => id).toSorted());
}

describe('two notifiers', () => {
  it('send one notice per cause, from every source, keyed by account', async () => {
    const account = freshId();
    const deposit = new FundsDeposited({ amount: '5', postings: [] });
    await happen(canceledOrders(20));
    await happen([recordedSample(deposit, { aggregateType: 'Account', aggregateId: account })], topics.accountEvents.name);
    const halt = new TradingHalted({ scope: 'all', reason: new WrittenText('storm') });
    await happen([recordedSample(halt, { aggregateType: 'TradingControl' })], topics.controlEvents.name);
    await eachOnce();
    const records = await world.readTopic(topics.userNotifications.name);
    expect(records.map(({ key }) => String(key))).toEqual(expect.arrayContaining([account, 'all']));
  }, 60_000);

  it('continue at the position when one leaves', async () => {
    await services.pop()?.stop();
    await happen(canceledOrders(20));
    await eachOnce();
  }, 60_000);

  it('start again, and repeat no notice, when another producer fences them', async () => {
    for (const partition of [0, 1]) {
      const other = await world
        .another()
        .openTransactional({ transactionalId: `notifier.${topics.orderEvents.name}.${partition}` });
      await other.discard();
    }
    await happen(canceledOrders(20));
    await eachOnce();
  }, 60_000);

  it('write unreadable records to the dead letters, and continue', async () => {
    const [future] = canceledOrders(1) as [RecordedEvent];
    await relay(world.kafka, [
      { ...future, schemaVersion: 9 },
      { ...future, id: 'no id' },
    ]);
    await happen(canceledOrders(3));
    await eachOnce();
    const letters = await world.readTopic(topics.deadLetters.name);
    expect(letters.map(({ headers }) => String(headers['dl_reason'])).toSorted()).toEqual(['handler-failed', 'undecodable']);
  }, 60_000);

  it('are ready once partitions are assigned', async () => {
    const [service] = services as [RunningService];
    const response = await fetch(`${service.adminUrl}/health/ready`);
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('6 partitions, 6 producers')]);
  });

  it('discard a producer that opens while their partitions are revoked', async () => {
    const kafka = world.another();
    const [gate, opened] = [Promise.withResolvers<void>(), [] as TransactionalProducer[]];
    const openTransactional = kafka.openTransactional.bind(kafka);
    let opening = 0;
    kafka.openTransactional = async (options) => {
      opening += 1;
      await gate.promise;
      const producer = await openTransactional({ transactionalId: `late.${options.transactionalId}` });
      opened.push(producer);
      return producer;
    };
    const late = new Notifier(kafka, new Health());
    late.onApplicationBootstrap();
    while (opening === 0) await sleep(20);
    const stopped = late.beforeApplicationShutdown();
    await sleep(50);
    gate.resolve();
    await stopped;
    while (opened.length < opening) await sleep(20);
    await sleep(50);
    expect(opened.map(({ poisoned }) => poisoned)).toEqual(opened.map(() => true));
  }, 60_000);

  it('halt when their positions are gone, repeat no notice, and continue where an operator says', async () => {
    await Promise.all(services.splice(0).map((each) => each.stop()));
    const admin = new kafkajs.Kafka({ brokers: [...world.brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.deleteGroups([`${world.namespace}.notifier`]); // as if they had expired
    const halted = await start();
    const state = async () => (await fetch(`${halted.adminUrl}/health/ready`)).text();
    while (!(await state()).includes('no longer has a position')) await sleep(50);
    expect(await (await fetch(`${halted.adminUrl}/metrics`)).text()).toMatch(/^tradecore_notifier_halted 1$/m);
    await eachOnce();
    await Promise.all([halted.stop(), admin.disconnect()]);
    const operator = await world.kafka.openTransactional({ transactionalId: 'operator' });
    for (const { name: positionTopic } of [topics.orderEvents, topics.accountEvents, topics.controlEvents]) {
      const ends = await world.kafka.endOffsets(positionTopic);
      for (const [partition, offset] of ends)
        await operator.send({ batches: [], group: 'notifier', positionTopic, partition, offset });
    }
    await operator.discard();
    services.push(await start());
    await happen(canceledOrders(3));
    await eachOnce();
  }, 60_000);

  it('halt, and report it, when the topic of their position was recreated: no notice is repeated', async () => {
    await Promise.all(services.splice(0).map((each) => each.stop()));
    const source = topics.orderEvents.name;
    const before = { marks: await world.kafka.committedMarks('notifier', source), told: (await told(world)).length };
    await world.remake(source);
    await relay(world.another(), canceledOrders(40));
    const producer = await world.another().openTransactional({ transactionalId: 'a-broker-that-keeps-positions' });
    for (const [partition, mark] of before.marks) {
      await producer.send({ batches: [], group: 'notifier', positionTopic: source, partition, offset: 1n, mark });
    }
    await producer.discard();
    const service = await start();
    services.push(service);
    const readiness = async () => (await fetch(`${service.adminUrl}/health/ready`)).text();
    while (!(await readiness()).includes('its topic was recreated')) await sleep(50);
    expect(await told(world)).toHaveLength(before.told);
  }, 60_000);
});
