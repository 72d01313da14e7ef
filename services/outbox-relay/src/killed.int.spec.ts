import { jest } from '@jest/globals';
import { createWorld, drained, expectExactlyOnce, Load, until, type World } from '../test/world.ts';

jest.setTimeout(120_000);

/** Where the loop can be killed: before (1), after (1), in the transaction, its end sent but not answered, after it; and in a start. */
const points = [
  'before-take',
  'after-take',
  'in-transaction',
  'commit-sent',
  'after-commit',
  'after-lease',
  'after-position',
  'after-current-batch',
];
const kills = 3;

describe('a relay killed with SIGKILL, again and again, under multi-event, two-aggregate, slow and rolled-back saves', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.close());

  it.each(points)('at %s: each stored event is on the topic once, in order', async (point) => {
    const load = new Load(world.database.urlFor('command-api'));
    const inStart = point === 'after-lease' || point === 'after-position' || point === 'after-current-batch';
    for (let kill = 1; kill <= kills; kill += 1) {
      const relay = world.relay({ FAILPOINT: `${point}:${inStart ? 1 : 1 + ((kill * 5) % 7)}` });
      await relay.said(`at ${point}`).catch((error: unknown) => {
        if (!relay.log().includes(`at ${point}`)) throw error;
      });
      await relay.exited;
      expect(relay.child.signalCode).toBe('SIGKILL');
    }
    const last = world.relay();
    await last.said('leading');
    await until('more work was done', () => load.saves > 100);
    await load.stop();
    await drained(world.database);
    await last.stop();
    expect(last.child.exitCode).toBe(0);
    await expectExactlyOnce(world.kafka, world.database, 100);
  });

  it('a relay standing by takes over without waiting for the lease to lapse: the dead one has no session any more', async () => {
    const first = world.relay({ LEASE_SECONDS: '60' });
    await first.said('leading');
    const second = world.relay({ LEASE_SECONDS: '60' });
    await second.said('standing-by');
    first.child.kill('SIGKILL');
    await until('the second leads', () => second.log().includes('leading'), 5_000);
  });
});
