import { freshId, FundsDeposited, topics, TradingHalted, type RecordedEvent } from '@tradecore/events';
import { recordedSample } from '@tradecore/events/testing';
import type { TestKafka } from '@tradecore/messaging/testing';
import type { RunningService } from '@tradecore/service';
import { startTestService } from '@tradecore/service/testing';
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

/** Each event that happened has caused one notice, and nothing else was told. */
async function eachOnce(): Promise<void> {
  await toldAtLeast(world, happened.length);
  const causes = (await told(world)).map(({ causedBy }) => causedBy);
  expect(causes.toSorted()).toEqual(happened.map(({ id }) => id).toSorted());
}

describe('two notifiers', () => {
  it('tell each cause once, from every source, keyed by the account', async () => {
    const account = freshId();
    const deposit = new FundsDeposited({ amount: '5', postings: [] });
    await happen(canceledOrders(20));
    await happen([recordedSample(deposit, { aggregateType: 'Account', aggregateId: account })], topics.accountEvents.name);
    const halt = new TradingHalted({ scope: 'all', reason: 'storm' });
    await happen([recordedSample(halt, { aggregateType: 'TradingControl' })], topics.controlEvents.name);
    await eachOnce();
    const records = await world.readTopic(topics.userNotifications.name);
    expect(records.map(({ key }) => String(key))).toEqual(expect.arrayContaining([account, 'all']));
  }, 60_000);

  it('go on where they were when one leaves', async () => {
    await services.pop()?.stop();
    await happen(canceledOrders(20));
    await eachOnce();
  }, 60_000);

  it('begin again, and tell nothing twice, when somebody else takes their place in the middle', async () => {
    for (const partition of [0, 1]) {
      const other = await world
        .another()
        .openTransactional({ transactionalId: `notifier.${topics.orderEvents.name}.${partition}` });
      await other.discard();
    }
    await happen(canceledOrders(20));
    await eachOnce();
  }, 60_000);

  it('bury what is no event and what they cannot read, and go on', async () => {
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

  it('are ready once they have their partitions', async () => {
    const [service] = services as [RunningService];
    const response = await fetch(`${service.adminUrl}/health/ready`);
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('6 partitions, 6 producers')]);
  });
});
