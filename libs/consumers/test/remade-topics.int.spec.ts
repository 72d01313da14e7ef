import { freshId } from '@tradecore/events';
import type { KafkaClient } from '@tradecore/messaging';
import { counts, Tallies, topic } from './counters.ts';
import { createErrandWorld, type ErrandWorld } from './errand-world.ts';
import { names } from './errands.ts';
import { createWorld, until, type World } from './world.ts';

describe('a topic that was deleted and recreated, and holds more records than the old one', () => {
  let worlds: (World | ErrandWorld)[] = [];
  afterEach(async () => {
    await Promise.all(worlds.map((each) => each.drop()));
    worlds = [];
  }, 30_000);

  /** A broker without topic ids. */
  const withoutIds = (kafka: KafkaClient): KafkaClient => {
    const reads = ['otherLogs', 'startOffsets', 'endOffsets', 'clusterId', 'runConsumer', 'deadLetter', 'marksBefore'] as const;
    const bound = Object.fromEntries(reads.map((name) => [name, (kafka[name] as () => unknown).bind(kafka)]));
    const { namespace } = kafka;
    return Object.assign(Object.create(kafka) as KafkaClient, {
      ...bound,
      namespace,
      topicIds: () => Promise.resolve(new Map()),
    });
  };

  it.each<[string, (kafka: KafkaClient) => KafkaClient]>([
    ['the id of the topic', (kafka) => kafka],
    ['the last record that was read', withoutIds],
  ])('is noticed by %s, and a projector builds from the store', async (_, seenThrough) => {
    const world = await createWorld(Tallies, 'tally-projector', 1);
    worlds.push(world);
    const total = async () => (await world.rows('tally_projector.tallies')).reduce((sum, row) => sum + Number(row['total']), 0);
    const first = await world.run(undefined, seenThrough(world.test.another()));
    await world.happen(...counts(freshId(), 1, 2));
    await until(total, (sum) => sum === 2);
    await first.stop();
    await world.test.remake(topic);
    await world.happen(...Array.from({ length: 9 }, () => counts(freshId(), 1, 1)).flat());
    await world.run(undefined, seenThrough(world.test.another()));
    await until(total, (sum) => sum === 11);
    await world.happen(...counts(freshId(), 1, 1));
    await until(total, (sum) => sum === 12);
  });

  it('halts a saga and an intake, with the reason, until an operator lets them begin again', async () => {
    const world = await createErrandWorld(1);
    worlds.push(world);
    const [saga, purses] = [await world.runErrands(), await world.runPurses()];
    await world.ended(await world.open());
    await Promise.all([saga.stop(), purses.stop()]);
    for (const each of [names.jobs, names.steps]) await world.test.remake(each);
    const jobs = [await world.open(), await world.open(), await world.open()];
    await until(
      () => world.query('select from event_outbox'),
      (rows) => rows.length === 0,
    );
    const again = [(await world.runErrands()).subscription, (await world.runPurses()).subscription];
    const reasons = await until(
      () => again.map((each) => each.status()),
      (all) => all.every(({ state }) => state === 'stopped'),
    );
    expect(reasons.map(({ reason }) => reason)).toEqual([
      expect.stringContaining(`${names.jobs}/0: the log is not the one the offsets refer to`),
      expect.stringContaining(`${names.steps}/0: the log is not the one the offsets refer to`),
    ]);
    for (const schema of ['errand_saga', 'purse_keeper'])
      await world.query(`select ${schema}.begin_again(now() - interval '1 hour')`);
    await world.ended(...jobs);
    expect([await world.countOf('PursePaid'), await world.countOf('ErrandEnded')]).toEqual([4, 4]);
  });
});
