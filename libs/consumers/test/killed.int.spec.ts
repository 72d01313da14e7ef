import { freshId } from '@tradecore/events';
import { Child, killedAt } from './child.ts';
import { counts, Ledgers } from './counters.ts';
import { createWorld, type World } from './world.ts';

/** The projector in a process that kills itself. */
const projector = (world: World, failpoint: string) =>
  new Child('ledger-process.ts', {
    DATABASE_URL: world.database.urlFor('ledger-projector'),
    KAFKA_BROKERS: world.test.brokers.join(','),
    NAMESPACE: world.test.namespace,
    GROUP: failpoint.replace(':', '-'),
    FAILPOINT: failpoint,
  });

// The first batch loads; those after it move the offsets by the statement that writes the rows.
const points = [
  ...['after-build:1', 'before-build-commit:1', 'before-claim:1', 'after-claim:1'],
  ...['before-offsets:1', 'after-offsets:1', 'before-rows:3', 'after-rows:3', 'after-commit:3'],
];

describe('a projector that is killed with kill -9', () => {
  let world: World;
  afterEach(() => world.drop(), 30_000);

  it('loses nothing and folds nothing twice, wherever it dies', async () => {
    world = await createWorld(Ledgers, 'ledger-projector', 2);
    let count = 0;
    const happen = async () => {
      await world.happen(...counts(freshId(), 1, 3), ...counts(freshId(), 1, 2));
      count += 5;
    };
    let over = false;
    const load = (async () => {
      while (!over) {
        await happen();
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    })();
    const ends = await killedAt(points, (point) => projector(world, point)).finally(() => (over = true));
    expect(ends).toEqual(points.map((point) => [point, 'SIGKILL']));
    await load;
    await world.run();
    await happen();
    await world.caughtUp();
    const entries = await world.rows('ledger_projector.entries');
    expect(entries.map(({ sequence }) => Number(sequence)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: count }, (_, n) => n + 1),
    );
    expect(new Set(entries.map((row) => row['event_id'])).size).toBe(count);
    expect(await world.deadLetters()).toEqual([]);
  }, 90_000);
});
