import kafkajs from 'kafkajs';
import { createErrandWorld, type ErrandWorld } from './errand-world.ts';
import { errandIdFor, names } from './errands.ts';
import { until } from './world.ts';

describe('a process and an intake whose log no longer holds unread records', () => {
  let world: ErrandWorld;
  beforeEach(async () => {
    world = await createErrandWorld(1);
  });
  afterEach(() => world.drop(), 30_000);

  /** Deletes all records of a topic, as retention does. */
  const forget = async (topic: string): Promise<void> => {
    const admin = new kafkajs.Kafka({ brokers: [...world.test.brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      const name = `${world.test.namespace}.${topic}`;
      const [{ high } = { high: '0' }] = await admin.fetchTopicOffsets(name);
      await admin.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: high }] });
    } finally {
      await admin.disconnect();
    }
  };
  const countOf = (type: string) => world.countOf(type);
  const published = () =>
    until(
      () => world.query('select from event_outbox'),
      (rows) => rows.length === 0,
    );

  it('stop, name the command that resumes them, and hear from the store what the log has lost', async () => {
    const first = await world.runErrands();
    const purses = await world.runPurses();
    await world.ended(await world.open());
    await Promise.all([first.stop(), purses.stop()]);

    const jobs = [await world.open(), await world.open()];
    await published();
    await forget(names.jobs);
    const saga = await world.runErrands();
    await world.runPurses();
    const stopped = await until(
      () => saga.subscription.status(),
      ({ state }) => state === 'stopped',
    );
    expect(stopped.reason).toBe(
      'transport.job-events/0: the log was cut off before it was read: see docs/runbooks/halted-consumer.md',
    );
    expect(await world.query('select stopped_reason from errand_saga.consumer')).toEqual([{ stopped_reason: stopped.reason }]);
    jobs.push(await world.open());
    await published();
    expect(await countOf('PaymentRequested')).toBe(1);

    await world.query(`select errand_saga.begin_again(now() - interval '1 hour')`);
    await world.ended(...jobs);
    expect(await countOf('PursePaid')).toBe(4);
    for (const job of jobs) expect((await world.eventsOf(errandIdFor(job))).at(-1)?.type).toBe('ErrandEnded');
    expect(await countOf('ErrandEnded')).toBe(4);
  }, 60_000);

  it("resume from the log's start when no time is given, and do nothing twice", async () => {
    await world.runErrands();
    const purses = await world.runPurses();
    await world.ended(await world.open(), await world.open());
    await world.query('select purse_keeper.begin_again()');
    await world.query('select errand_saga.begin_again()');
    await world.ended(await world.open());
    await until(
      () => purses.subscription.status(),
      ({ state }) => state === 'running',
    );
    expect([await countOf('PaymentRequested'), await countOf('PursePaid'), await countOf('ErrandEnded')]).toEqual([3, 3, 3]);
  }, 60_000);
});
